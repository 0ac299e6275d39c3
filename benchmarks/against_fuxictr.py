"""Samples a second of training: this engine against FuxiCTR's own pipeline, on one split, sizes and batch.

    pip install 'ctrnb[bench]'
    python -m benchmarks.against_fuxictr --models dcnv2 finalmlp

FuxiCTR's arm is its NpzDataLoader, FeatureEmbedding, BaseModel.train_step (Adam, gradient clipping, embedding
regulariser) and layers. Its wheel holds no model zoo, so each rating function is put together from the wheel's layers
where it has them (CrossNetV2, MLP_Block, ScaledDotProductAttention) and from plain torch modules otherwise, to the
same sizes; EulerNet, for which it has no layer, is this package's. Both arms see the same eight fields; genres are one
categorical field in FuxiCTR's arm, which costs it less than the multi-valued field costs ours.
"""

import logging
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.dataloaders import RankDataLoader
from fuxictr.pytorch.layers import CrossNetV2, FeatureEmbedding, MLP_Block, ScaledDotProductAttention
from fuxictr.pytorch.models import BaseModel
from torch import Tensor, nn

from benchmarks.common import (
    PEER_SIZES,
    PEER_TRAINING,
    parser,
    rate,
    ratio,
    report,
    take_turns,
    trainer,
    workload,
)
from ctrnb.data import Encoded
from ctrnb.models import MODELS as OURS
from ctrnb.models import EulerNet, EulerNetConfig

HIDDEN, DROPOUT, DIM = [400, 400, 400], 0.2, 16


class ParallelCross(nn.Module):
    """DCNv2: CrossNetV2 beside MLP_Block; with ``gated``, GDCN-P's gates on the crosses."""

    def __init__(self, fields: int, gated: bool = False) -> None:
        super().__init__()
        width = fields * DIM
        self.cross = GatedCross(width) if gated else CrossNetV2(width, 3)
        self.deep = MLP_Block(width, HIDDEN, dropout_rates=DROPOUT)
        self.logit = nn.Linear(width + HIDDEN[-1], 1)

    def forward(self, fields: Tensor) -> Tensor:
        flat = fields.flatten(start_dim=1)
        return self.logit(torch.cat([self.cross(flat), self.deep(flat)], dim=-1))


class GatedCross(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.w = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3))
        self.gate = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3))
        self.bias = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in range(3))

    def forward(self, x0: Tensor) -> Tensor:
        x = x0
        for w, gate, bias in zip(self.w, self.gate, self.bias, strict=True):
            x = x0 * (w(x) + bias) * torch.sigmoid(gate(x)) + x
        return x


class TwoStreams(nn.Module):
    """FinalMLP: two MLP_Blocks behind gates, fused by a bilinear form."""

    def __init__(self, fields: int) -> None:
        super().__init__()
        width = fields * DIM
        self.gates = nn.ModuleList(
            MLP_Block(DIM, [64], output_dim=width, output_activation="Sigmoid") for _ in range(2)
        )
        self.streams = nn.ModuleList(MLP_Block(width, HIDDEN, dropout_rates=DROPOUT) for _ in range(2))
        self.linear = nn.ModuleList(nn.Linear(HIDDEN[-1], 1) for _ in range(2))
        self.bilinear = nn.Parameter(nn.init.xavier_normal_(torch.empty(HIDDEN[-1], HIDDEN[-1])))

    def forward(self, fields: Tensor) -> Tensor:
        flat = fields.flatten(start_dim=1)
        one, two = (
            stream(flat * 2 * gate(fields[:, place]))
            for place, (gate, stream) in enumerate(zip(self.gates, self.streams, strict=True))
        )
        return self.linear[0](one) + self.linear[1](two) + ((one @ self.bilinear) * two).sum(-1, keepdim=True)


class Attention(nn.Module):
    """AutoInt: three layers of two heads by ScaledDotProductAttention, with residuals, beside MLP_Block."""

    def __init__(self, fields: int, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.heads, sizes = heads, [DIM, width, width, width]
        self.projections = nn.ModuleList(
            nn.ModuleList(nn.Linear(a, b, bias=False) for _ in range(4)) for a, b in pairwise(sizes)
        )
        self.attention = ScaledDotProductAttention()
        self.logit = nn.Linear(fields * width, 1)
        self.deep = MLP_Block(fields * DIM, HIDDEN, output_dim=1, dropout_rates=DROPOUT)

    def forward(self, fields: Tensor) -> Tensor:
        x = fields
        for query, key, value, residual in self.projections:
            heads = [part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key, value)]
            attended, _ = self.attention(*heads)
            x = torch.relu(attended.transpose(1, 2).flatten(start_dim=2) + residual(x))
        return self.logit(x.flatten(start_dim=1)) + self.deep(fields.flatten(start_dim=1))


class Logarithmic(nn.Module):
    """AFN: 64 logarithmic neurons between batch normalisations, read by MLP_Block."""

    def __init__(self, fields: int, neurons: int = 64) -> None:
        super().__init__()
        self.before, self.after = nn.BatchNorm1d(fields), nn.BatchNorm1d(neurons)
        self.powers = nn.Linear(fields, neurons)
        self.deep = MLP_Block(neurons * DIM, HIDDEN, output_dim=1, dropout_rates=DROPOUT, batch_norm=True)

    def forward(self, fields: Tensor) -> Tensor:
        logarithms = self.before(torch.log(torch.clamp(torch.abs(fields), min=1e-5)))
        neurons = torch.exp(self.powers(logarithms.transpose(2, 1)).transpose(1, 2))
        return self.deep(self.after(neurons).flatten(start_dim=1))


class OurEulerNet(nn.Module):
    def __init__(self, fields: int) -> None:
        super().__init__()
        self.model = EulerNet(fields, DIM, EulerNetConfig(layers=3, orders=8, norm=False))

    def forward(self, fields: Tensor) -> Tensor:
        return self.model(fields)[:, None]


RATING: dict[str, Callable[[int], nn.Module]] = {
    "dcnv2": ParallelCross,
    "autoint": Attention,
    "eulernet": OurEulerNet,
    "afn": Logarithmic,
    "finalmlp": TwoStreams,
    "gdcnp": lambda fields: ParallelCross(fields, gated=True),
}


class FuxiModel(BaseModel):
    """A rating function in FuxiCTR's training pipeline."""

    def __init__(self, feature_map: FeatureMap, model: str, folder: Path) -> None:
        super().__init__(
            feature_map, model_id=model, gpu=-1, embedding_regularizer=2 * PEER_TRAINING["training.l2_embedding"],
            verbose=0, model_root=str(folder), metrics=["AUC"], eval_steps=10**9,
        )  # fmt: skip
        self.embedding_layer = FeatureEmbedding(feature_map, DIM)
        self.rating = RATING[model](feature_map.num_fields)
        self.compile("adam", "binary_crossentropy", PEER_TRAINING["training.learning_rate"])
        self.reset_parameters()
        self._max_gradient_norm, self._total_steps, self._batch_index = 10.0, 0, 0
        self._stop_training, self._eval_steps = False, 10**9

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        fields = self.embedding_layer(self.get_inputs(inputs))
        return {"y_pred": self.output_activation(self.rating(fields))}


def columns_of(encoded: Encoded) -> dict[str, np.ndarray]:
    """Return one array of codes a field for the training part, a tags field as one code for each set of tags."""
    rows = encoded.rows("train")
    columns = {}
    for side, row in ((encoded.user_side, encoded.user[rows]), (encoded.item_side, encoded.item[rows])):
        codes = [side.id_code, *side.categorical.T]
        codes += [np.unique(tags, axis=0, return_inverse=True)[1].reshape(-1) for tags in side.tags]
        columns |= {f"field_{len(columns) + n}": code[row] for n, code in enumerate(codes)}
    return columns


def fuxictr_arm(encoded: Encoded, model: str, folder: Path) -> tuple[FuxiModel, object]:
    """Return FuxiCTR's model and its loader over the training part."""
    columns = columns_of(encoded)
    path = folder / "train.npz"
    if not path.is_file():
        np.savez(path, **columns, label=encoded.label[encoded.rows("train")])
    feature_map = FeatureMap("bench", str(folder))
    feature_map.features = OrderedDict(
        (name, {"type": "categorical", "source": "", "vocab_size": int(codes.max()) + 1})
        for name, codes in columns.items()
    )
    feature_map.labels, feature_map.default_emb_dim = ["label"], DIM
    feature_map.num_fields = feature_map.get_num_fields()
    feature_map.set_column_index()
    loader, _ = RankDataLoader(
        feature_map, stage="train", train_data=str(path), batch_size=PEER_TRAINING["training.batch_size"],
        shuffle=True, data_format="npz", num_workers=0,
    )  # fmt: skip
    return FuxiModel(feature_map, model, folder), loader


def main() -> None:
    options = parser(__doc__ or "", "fuxictr")
    options.add_argument("--models", nargs="+", default=list(PEER_SIZES), choices=list(OURS))
    options.add_argument("--precision", nargs="+", default=["fp32"], choices=["fp32", "bf16"])
    options.add_argument("--rows", type=int, default=40 * 4096, help="training interactions of a turn")
    given = options.parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(given.threads)
    encoded = workload(given.dataset, given.k, given.rows)
    samples = len(encoded.rows("train"))
    found = []
    with tempfile.TemporaryDirectory() as name:
        for model in given.models:
            theirs, loader = fuxictr_arm(encoded, model, Path(name))
            engines = {precision: trainer(encoded, model, precision=precision) for precision in given.precision}
            arms = {"fuxictr": lambda model=theirs, loader=loader: rate(samples, lambda: model.train_epoch(loader))} | {
                precision: (lambda engine=engine: rate(samples, engine.epoch)) for precision, engine in engines.items()
            }
            values = take_turns(arms, given.rounds)
            for precision in given.precision:
                found.append(
                    {
                        "model": model,
                        "precision": precision,
                        "fuxictr_samples_per_second": float(np.median(values["fuxictr"])),
                        "ctrnb_samples_per_second": float(np.median(values[precision])),
                        **ratio("ratio", values, precision, "fuxictr"),
                        "parameters_ratio": parameters(engines[precision].network) / parameters(theirs),
                        "rounds": given.rounds,
                        "samples": samples,
                    }
                )
                print(
                    {key: round(value, 3) if isinstance(value, float) else value for key, value in found[-1].items()},
                    flush=True,
                )
    report(found, given)


def parameters(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


if __name__ == "__main__":
    main()
