"""The wheel, installed into an empty environment away from the checkout: its commands work and it carries the book."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from ctrnb.report.chapters import read_chapters
from ctrnb.report.execute import is_current

ROOT = Path(__file__).parents[1]
EXECUTED = ROOT / "_build" / "book" / "executed"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """Runs ``ctrnb`` from an environment that holds the wheel alone; its dependencies are this environment's.

    A path file lends them: the files within it that make ``ctrnb`` editable are not read from there.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    away = tmp_path_factory.mktemp("away")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CTRNB_RUNS")}

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [str(python), "-m", "ctrnb.cli", *arguments]
        return subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, check=False)

    where = [str(python), "-c", "import ctrnb; print(ctrnb.__file__)"]
    found = subprocess.run(where, cwd=away, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(site), "the checkout would answer in the wheel's place"
    run.away = away  # type: ignore[attr-defined]
    return run


def test_the_wheel_carries_every_chapter_and_all_that_they_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = [path for path in (ROOT / "book").rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    assert {f"ctrnb/_book/{path.relative_to(ROOT).as_posix()}" for path in files} <= names
    assert {
        "ctrnb/_book/_toc.yml",
        "ctrnb/_book/_config.yml",
        "ctrnb/py.typed",
        "ctrnb/report/static/book.css",
    } <= names


def test_verify_and_train_work_away_from_the_checkout(installed) -> None:
    verified = installed("verify", "mci", "--json")
    assert verified.returncode == 0 and "mci.condition-i-gain" in verified.stdout, verified.stderr
    trained = installed("train", "synthetic", "--model", "dcnv2", "--k", "3", "--epochs", "1", "--json")
    assert trained.returncode == 0 and '"auc"' in trained.stdout, trained.stderr


def test_the_book_is_built_away_from_the_checkout(installed) -> None:
    """One chapter is executed by the wheel's own code; the others are taken over where the checkout has built them."""
    build = installed.away / "_build" / "book" / "executed"
    if not EXECUTED.is_dir():
        pytest.skip("the checkout's book is not built: run make book first")
    stale = [each.name for each in read_chapters(ROOT) if not is_current(each, {}, ROOT, EXECUTED)]
    if stale:
        pytest.skip(f"the checkout's book is of other code or data ({', '.join(stale)}): run make book first")
    shutil.copytree(EXECUTED, build)
    built = installed("book", "-p", "curation.ks=[4, 5]")
    assert built.returncode == 0, built.stderr
    assert "curation: unchanged" not in built.stderr and "mci: unchanged" in built.stderr
    page = Path(built.stdout.strip())
    assert page == installed.away / "_build" / "html" / "index.html"
    text = BeautifulSoup((page.parent / "book" / "curation.html").read_text(), "html.parser").get_text()
    assert "ks = [4, 5]" in text
