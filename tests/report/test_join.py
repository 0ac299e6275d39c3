import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb.cli import app
from ctrnb.report import join
from ctrnb.study.changes import holm
from ctrnb.study.results import results_folder

NAME = "yelp-small-k3"
TABLES = (
    f"{NAME}.csv",
    f"{NAME}-changes.csv",
    *(f"groups/{NAME}-{kind}.csv" for kind in ("effects", "spreads", "targets")),
    f"sensitivity/{NAME}.csv",
)


@pytest.fixture
def split(tmp_path: Path, monkeypatch) -> tuple[Path, Path]:
    """The results of one study cut in two folders: all models but AutoInt and GDCN-P, and these two."""
    folders = tmp_path / "results", tmp_path / "part"
    for name in TABLES:
        table = pd.read_csv(results_folder() / name)
        late = table["model"].isin(["autoint", "gdcnp"])
        for folder, rows in zip(folders, (table[~late], table[late]), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            rows.to_csv(folder / name, index=False)
    monkeypatch.setattr("ctrnb.report.join.results_folder", lambda: folders[0])
    return folders


def run(part: Path):
    return CliRunner().invoke(app, ["results", "join", str(part)])


def test_a_study_joined_from_parts_is_the_study_measured_whole(split: tuple[Path, Path]) -> None:
    results, part = split
    for _ in range(2):  # a part that is there already is replaced, not doubled
        assert run(part).exit_code == 0
        for name in TABLES:
            whole, found = (pd.read_csv(folder / name) for folder in (results_folder(), results))
            keys = [column for column in whole if whole[column].dtype == object]
            order = [*join.CELL, *(key for key in keys if key not in join.CELL)]
            assert set(found["model"]) == set(whole["model"]) and list(found) == list(whole)
            both = [table.sort_values(order, kind="stable").reset_index(drop=True) for table in (whole, found)]
            pd.testing.assert_frame_equal(*both)


def test_p_values_are_adjusted_for_the_joined_table(split: tuple[Path, Path]) -> None:
    results, part = split
    family = "metric == 'auc' and tier == 'ft' and reference == 'base'"
    before = pd.read_csv(results / f"{NAME}-changes.csv").query(family)
    assert run(part).exit_code == 0
    after = pd.read_csv(results / f"{NAME}-changes.csv").query(family)
    assert len(after) == len(before) + 2
    assert after["p_holm"].to_numpy() == pytest.approx(holm(after["p_value"].to_numpy()))


def test_a_model_that_the_package_does_not_have_comes_last(split: tuple[Path, Path]) -> None:
    results, part = split
    for name in TABLES:
        pd.read_csv(part / name).assign(model="elsewhere").to_csv(part / name, index=False)
    found = run(part)
    assert found.exit_code == 0, found.output
    assert list(dict.fromkeys(pd.read_csv(results / f"{NAME}.csv")["model"]))[-1] == "elsewhere"


def test_a_table_that_is_not_there_yet_is_taken_as_it_is(split: tuple[Path, Path]) -> None:
    results, part = split
    shutil.rmtree(results)
    assert run(part).exit_code == 0
    assert set(pd.read_csv(results / f"{NAME}.csv")["model"]) == {"autoint", "gdcnp"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.drop(columns="model"), "has no column 'model'"),
        (lambda table: table.drop(columns="logloss"), "only one of the two tables has the columns logloss"),
        (lambda table: table.assign(fingerprint="f" * 64), "measured on different data"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(split: tuple[Path, Path], spoil, said: str) -> None:
    results, part = split
    before = {name: (results / name).read_bytes() for name in TABLES}
    spoil(pd.read_csv(part / f"{NAME}.csv")).to_csv(part / f"{NAME}.csv", index=False)
    found = run(part)
    assert found.exit_code == 2 and said in " ".join(found.output.split()) and f"{NAME}.csv" in found.output
    assert {name: (results / name).read_bytes() for name in TABLES} == before


def test_a_folder_without_tables_and_a_file_that_is_none_are_named(split: tuple[Path, Path], tmp_path: Path) -> None:
    assert "holds no CSV file" in " ".join(run(tmp_path / "nothing").output.split())
    (split[1] / f"{NAME}.csv").write_bytes(b"\xff\xfe\x00")
    assert "could not be read" in " ".join(run(split[1]).output.split())
