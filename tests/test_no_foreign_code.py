"""Nothing in the package can run what a file or a parameter says: the syntax trees of its modules are searched."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ctrnb

PACKAGE = Path(ctrnb.__file__).parent
BUILTINS = {"eval", "exec", "compile", "__import__", "globals", "breakpoint"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code", "codeop"}
CALLS = {  # module: functions that read code, or hand text to a shell
    "torch": {"load", "hub"},
    "pd": {"read_pickle", "eval"},
    "pandas": {"read_pickle", "eval"},
    "yaml": {"load", "unsafe_load", "full_load", "load_all", "unsafe_load_all", "full_load_all"},
    "sp": {"sympify", "S", "parse_expr", "lambdify"},
    "sympy": {"sympify", "S", "parse_expr", "lambdify"},
    "os": {"system", "popen", "execv", "execvp", "execve"},
    "runpy": {"run_path", "run_module"},
}
ALLOWED = {"theory/mci.py": {"sp.lambdify"}}  # of expressions that ctrnb.theory.expression made, never of a text
FROM = {name for names in CALLS.values() for name in names} - {"load"}  # whatever module they are imported from


def dangers(code: str) -> Iterator[str]:
    """Yield what in a module could run foreign code."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield node.module or ""
            yield from (alias.name for alias in node.names if alias.name in FROM)
            if (node.module or "").split(".")[0] in ("torch", "yaml"):
                yield from (f"{node.module}.load" for alias in node.names if alias.name == "load")
        elif isinstance(node, ast.Call):
            yield from dangers_of_call(node)


def dangers_of_call(node: ast.Call) -> Iterator[str]:
    """Yield what a call could run."""
    function = node.func
    if isinstance(function, ast.Name) and function.id in BUILTINS:
        yield function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.attr in CALLS.get(function.value.id, ()):
            yield f"{function.value.id}.{function.attr}"
        if function.value.id == "builtins":
            yield f"builtins.{function.attr}"
    for keyword in node.keywords:
        if keyword.arg in ("allow_pickle", "shell") and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            yield f"{keyword.arg}="


@pytest.mark.parametrize(
    "code",
    [
        "eval(text)", "exec(text)", "compile(text, '', 'exec')", "__import__(name)", "import pickle", "from pickle import loads",
        "import shelve as s", "torch.load(path)", "from torch import load", "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)", "pd.read_pickle(path)", "from pandas import read_pickle", "yaml.load(text)",
        "yaml.full_load(text)", "sp.sympify(text)", "from sympy.parsing.sympy_parser import parse_expr",
        "subprocess.run(text, shell=True)", "os.system(text)", "builtins.eval(text)", "pd.eval(text)",
    ],
)  # fmt: skip
def test_the_search_finds_what_runs_code(code: str) -> None:
    assert list(dangers(code))


@pytest.mark.parametrize(
    "code",
    ["network.eval()", "yaml.safe_load(text)", "ast.literal_eval(text)", "load(files)", "model.eval(each)", "re.compile(a)",
     "subprocess.run([a], shell=False)", "sp.Symbol('p')"],
)  # fmt: skip
def test_the_search_passes_what_runs_none(code: str) -> None:
    assert not list(dangers(code))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_can_run_foreign_code(path: Path) -> None:
    found = set(dangers(path.read_text(encoding="utf-8")))
    assert found <= ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
