"""Packages import downwards: the order that the package's docstring states."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ctrnb

PACKAGE = Path(ctrnb.__file__).parent
LAYERS = [
    {"errors"}, {"settings", "spreadsheet", "paper", "plots", "words"}, {"data", "models", "evaluation"}, {"encoders"},
    {"training"}, {"study"}, {"theory"}, {"audit"}, {"analysis", "verify"}, {"advise"}, {"report"}, {"cli"},
]  # fmt: skip
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported(path: Path) -> Iterator[str]:
    """Yield the parts of ctrnb that a module imports as it is imported itself."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ctrnb":
            yield from [node.module.split(".")[1]] if "." in node.module else [each.name for each in node.names]
        elif isinstance(node, ast.Import):
            yield from (each.name.split(".")[1] for each in node.names if each.name.startswith("ctrnb."))


@pytest.mark.parametrize("name", RANK)
def test_no_module_imports_from_its_own_layer_or_above(name: str) -> None:
    for path in [*(PACKAGE / name).rglob("*.py"), *PACKAGE.glob(f"{name}.py")]:
        upward = {each for each in imported(path) if each != name and RANK[each] >= RANK[name]}
        assert not upward, f"{path.relative_to(PACKAGE)} imports {', '.join(upward)}"


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {each.stem for each in PACKAGE.iterdir() if each.suffix == ".py" or (each / "__init__.py").is_file()}
    assert parts - {"__init__"} == set(RANK)
