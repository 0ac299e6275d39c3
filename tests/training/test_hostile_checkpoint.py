"""Runs whose checksums agree and whose contents are not what a training leaves: nothing of them is run or believed."""

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ctrnb.errors import RunError
from ctrnb.training import RunStore, train
from ctrnb.training.store import SUMS, RunResult, pack, sums, write_files

SHORT = {"training.epochs": 1, "training.precision": "fp32", "model.hidden": [8]}


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def changed(files: Mapping[str, bytes], **contents: bytes) -> dict[str, bytes]:
    """Return a run's files with other contents, and checksums that agree with them."""
    new = dict(files) | {name.replace("_", "."): content for name, content in contents.items()}
    return {**new, SUMS: sums(new)}


def result() -> RunResult:
    return RunResult({"run_id": "abc"}, [], {"w": torch.ones(3)}, np.full(4, 0.5, np.float32))


NAN, INFINITY = torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")])
DOCUMENT = json.loads(pack(result())["run.json"])
HOSTILE: dict[str, tuple[Callable[[Path], dict[str, bytes]], str]] = {
    "a pickle": (lambda place: {"model_safetensors": pickle.dumps(Bomb(place))}, "is not safetensors"),
    "a pickle of predictions": (lambda place: {"test_safetensors": pickle.dumps(Bomb(place))}, "is not safetensors"),
    "nothing": (lambda _: {"model_safetensors": b""}, "is not safetensors"),
    "a header without end": (lambda _: {"model_safetensors": (2**60).to_bytes(8, "little") + b"{}"}, "is not safetensors"),
    "a weight that is not a number": (lambda _: {"model_safetensors": save({"w": NAN})}, "w is not finite"),
    "an infinite weight": (lambda _: {"model_safetensors": save({"w": INFINITY})}, "w is not finite"),
    "a prediction that is not a number": (lambda _: {"test_safetensors": save({"probability": NAN})}, "probability is not finite"),
    "no predictions": (lambda _: {"test_safetensors": save({"w": torch.ones(1)})}, "probability"),
    "a document that is a list": (lambda _: {"run_json": b"[]"}, "damaged"),
    "a document of another format": (lambda _: {"run_json": json.dumps(DOCUMENT | {"format": 9}).encode()}, "format 9"),
    "a document of another run": (lambda _: {"run_json": json.dumps(DOCUMENT | {"row": {"run_id": "x"}}).encode()}, "run x"),
    "a document without end": (lambda _: {"run_json": b"[" * 100_000}, "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_run_of_other_contents_is_named_and_not_used(tmp_path: Path, name: str) -> None:
    make, message = HOSTILE[name]
    write_files(tmp_path / "abc", changed(pack(result()), **make(tmp_path / "executed")))
    store = RunStore(tmp_path)
    with pytest.warns(UserWarning, match="abc is damaged and is trained again") as caught:
        assert store.find("abc") is None
    assert message in str(caught[0].message) and not (tmp_path / "executed").exists()
    store.save(result())
    assert store.find("abc").row == {"run_id": "abc"}, "it is trained again and takes the place"


def test_weights_of_another_shape_are_named_with_their_run(small, tmp_path: Path) -> None:
    base = train(small, "dcnv2", "base", seed=0, runs=tmp_path, overrides=SHORT)
    run_id = base.row["run_id"]
    files = pack(base)
    first = next(iter(base.state))
    other = {name: value[..., :1].contiguous() if name == first else value for name, value in base.state.items()}
    (tmp_path / run_id).rename(tmp_path / "away")
    write_files(tmp_path / run_id, changed(files, model_safetensors=save(other)))
    with pytest.raises(
        RunError, match=f"weights of run {run_id} do not fit the dcnv2 .*{first}.*Remove the run"
    ) as caught:
        train(small, "dcnv2", "ft", seed=0, runs=tmp_path, overrides=SHORT, base_overrides=SHORT)
    assert "\n" not in str(caught.value)
