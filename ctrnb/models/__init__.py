"""The six rating functions: field embeddings (batch, field, dim) in, logits (batch,) out.

A model never sees ids or labels; fields 0 and 1 are always the user ID and the item ID.
"""

from typing import Any

from torch import nn

from ctrnb.errors import ConfigError, nearest
from ctrnb.models.afn import AFN, AFNConfig
from ctrnb.models.autoint import AutoInt, AutoIntConfig
from ctrnb.models.dcnv2 import DCNv2, DCNv2Config
from ctrnb.models.eulernet import EulerNet, EulerNetConfig
from ctrnb.models.finalmlp import FinalMLP, FinalMLPConfig
from ctrnb.models.gdcnp import GDCNP, GDCNPConfig

MODELS: dict[str, tuple[type[nn.Module], type]] = {
    "dcnv2": (DCNv2, DCNv2Config),
    "autoint": (AutoInt, AutoIntConfig),
    "eulernet": (EulerNet, EulerNetConfig),
    "afn": (AFN, AFNConfig),
    "finalmlp": (FinalMLP, FinalMLPConfig),
    "gdcnp": (GDCNP, GDCNPConfig),
}

DISPLAY = {
    "dcnv2": "DCNv2",
    "autoint": "AutoInt",
    "eulernet": "EulerNet",
    "afn": "AFN",
    "finalmlp": "FinalMLP",
    "gdcnp": "GDCN-P",
}


def model_config(name: str) -> type:
    """Return the settings class of a model.

    Raises:
        ConfigError: no model has that name.
    """
    if name not in MODELS:
        raise ConfigError(f"no model {name!r}.{nearest(name, list(MODELS))} Models: {', '.join(MODELS)}.")
    return MODELS[name][1]


def make_model(name: str, num_fields: int, dim: int, config: Any) -> nn.Module:
    """Return a freshly initialised rating function (random state: torch's global generator)."""
    model_config(name)
    return MODELS[name][0](num_fields, dim, config)
