"""When an executed chapter is still good: a key over everything that its outputs depend on.

That is its code, its parameters, the modules of ``ctrnb`` that it imports (directly or not) with the data files beside
them, the ledgers, datasets and studies that those read, files named by parameters, raw data, and the versions of the
packages that compute. Finished trainings are left out: what they are of is in all that.
"""

import ast
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ctrnb.data.variant import parts
from ctrnb.report.chapters import Chapter
from ctrnb.report.parameters import Parameter
from ctrnb.settings import read_toml

PACKAGE = Path(__file__).resolve().parents[1]
COMPUTES = ("torch", "numpy", "pandas", "scipy", "sympy", "z3-solver", "torch-geometric", "matplotlib", "seaborn")
READS = {  # data that a module reads, relative to the book's folder
    "study/results.py": ("book/results/**/*.csv",),
    "data/table.py": ("book/datasets/*.toml",),
    "study/description.py": ("book/studies/**/*.toml",),
}
RAW = "data/raw.py"  # reads what CTRNB_DATA names


def key_of(chapter: Chapter, values: Mapping[str, Any], root: Path) -> str:
    """Return a SHA-256 of what the module names, for a chapter with these parameters.

    Raw data and tables are known by size and time of change alone; other packages than :data:`COMPUTES` do not count.

    Args:
        root: the folder that holds the book.
    """
    modules = modules_of(chapter.code)
    files = {path.relative_to(PACKAGE).as_posix(): path for path in modules | beside(modules)}
    files |= {
        path.relative_to(root).as_posix(): path for name in READS if name in files for path in data_of(name, root)
    }
    given = given_values(chapter.parameters, values)
    raw = listing(os.environ.get("CTRNB_DATA", "")) if RAW in files else []
    facts = [chapter.code, given, sorted(named_files(given, root)), raw, versions()]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(files):  # by name within package or book: an installed copy lies elsewhere, in another order
        digest.update(name.encode() + files[name].read_bytes())
    return digest.hexdigest()


def given_values(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return all values that a chapter runs with."""
    return {name: each.default for name, each in parameters.items()} | dict(values)


def data_of(module: str, root: Path) -> list[Path]:
    """Return the data files of the book that a module reads."""
    return [path for pattern in READS[module] for path in root.glob(pattern)]


def beside(modules: Iterable[Path]) -> set[Path]:
    """Return the files of the package that are no modules and lie beside modules, which may read them."""
    folders = {path.parent for path in modules}
    return {path for folder in folders for path in folder.iterdir() if path.is_file() and path.suffix != ".py"}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in COMPUTES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def modules_of(code: Iterable[str]) -> set[Path]:
    """Return the files of ``ctrnb`` that code imports, with all that those import, wherever the import stands."""
    waiting = [name for cell in code for name in imports(cell)]
    found: set[Path] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0] or name)
        path = file_of(name)
        if path:
            found.add(path)
            waiting.extend(imports(path.read_text(encoding="utf-8")))
    return found


def imports(code: str) -> Iterator[str]:
    """Yield the dotted names below ``ctrnb`` that code imports; a name taken from a module may be a module too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> Path | None:
    """Return the file of a dotted module name, or None where that is no module."""
    place = PACKAGE.parent / name.replace(".", "/")
    places = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in places if path.is_file()), None)


def named_files(values: Any, folder: Path, seen: set[Path] | None = None) -> Iterator[tuple[str, str]]:
    """Yield name and state of every file that values name, a variant's too, and of those that a TOML among them names.

    So of a study's datasets and of their tables. TOMLs are known by their text, others, which may be large, by size and
    time.

    Args:
        folder: that the names are relative to.
        seen: TOMLs that were read, since one may name itself.
    """
    seen = set() if seen is None else seen
    for text in texts(values):
        path = folder / parts(text)[0]
        if not os.path.isfile(path):  # unlike Path.is_file, it takes any text
            continue
        if path.suffix.lower() != ".toml":
            yield text, state(path)
        elif path not in seen:
            seen.add(path)
            yield text, hashlib.sha256(path.read_bytes()).hexdigest()
            yield from named_files(read_toml(path), path.parent, seen)


def texts(value: Any) -> Iterator[str]:
    """Yield every text within nested dictionaries and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def listing(folder: str) -> list[tuple[str, str]]:
    """Return path and state of a file, or of all files in a folder; nothing for an empty name."""
    if not folder:
        return []
    paths = sorted(path for path in [Path(folder), *Path(folder).rglob("*")] if path.is_file())
    return [(str(path), state(path)) for path in paths]


def state(path: Path) -> str:
    """Return size and time of change of a file."""
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}"
