"""Encoders: ids and context fields in, embeddings (batch, field, dim) out. An encoder never sees labels."""

from ctrnb.encoders.fields import FieldEncoder
from ctrnb.encoders.lightgcn import LightGCNEncoder
from ctrnb.encoders.table import TableEncoder

__all__ = ["FieldEncoder", "LightGCNEncoder", "TableEncoder"]
