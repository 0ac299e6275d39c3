import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb.advise import Request, advise_on, page, trial, try_tiers
from ctrnb.advise.advice import COSTS, EQUAL, PAYS, UNDECIDED, Effect, decide
from ctrnb.advise.page import lines, open_penalty
from ctrnb.advise.place import nearest, paper_places
from ctrnb.advise.profile import profile, tail
from ctrnb.advise.trial import ANEW, PENALTIES, Trial, grid_of, planned
from ctrnb.cli import app
from ctrnb.data import Curation, curate, load
from ctrnb.errors import ConfigError
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.progress import Lines
from ctrnb.training import RunStore

GAIN, LOSS, OPEN = Effect(0.004, 0.002, 0.006), Effect(-0.004, -0.006, -0.002), Effect(0.004, -0.001, 0.009)
ALIKE, UNKNOWN = Effect(0.004, 0.004, 0.004), Effect(0.004, np.nan, np.nan, np.nan)
SMALL, NOTHING = Effect(0.0005, 0.0001, 0.0012), Effect(0.0001, -0.0004, 0.0006)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A CSV that nothing has seen, described by a TOML."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(5)
    pairs = rng.permutation(60 * 50)[:1500]
    frame = pd.DataFrame({"who": pairs // 50, "what": pairs % 50})
    frame["stars"] = 1 + (frame["who"] % 3 + frame["what"] % 3 + rng.integers(0, 2, len(frame))).clip(0, 4)
    frame.to_csv(folder / "sales.csv", index=False)
    (folder / "shop.toml").write_text(
        'positive = 4\nmiddle = []\n[ratings]\npath = "sales.csv"\nuser = "who"\nitem = "what"\nrating = "stars"\n'
    )
    return folder / "shop.toml"


@pytest.mark.parametrize(
    ("base", "control", "verdict", "reason"),
    [
        (GAIN, GAIN, PAYS, "better than Base and the control"),
        (GAIN, OPEN, UNDECIDED, "against the control the interval includes zero"),
        (OPEN, GAIN, UNDECIDED, "against Base the interval includes zero"),
        (GAIN, LOSS, COSTS, "worse than the control"),
        (LOSS, GAIN, COSTS, "worse than Base"),
        (LOSS, LOSS, COSTS, "worse than Base and the control"),
        (GAIN, SMALL, UNDECIDED, "against the control the effect is below 0.1 points"),
        (NOTHING, GAIN, EQUAL, "against Base any effect is smaller than 0.1 points"),
        (NOTHING, OPEN, EQUAL, "against Base any effect is smaller than 0.1 points"),
        (ALIKE, GAIN, UNDECIDED, "against Base there is no interval: fewer than 10 users have test interactions"),
        (Effect(0.0, 0.0, 0.0), OPEN, UNDECIDED, "against Base there is no interval"),
        (GAIN, UNKNOWN, UNDECIDED, "against the control there is no interval"),
    ],
)
def test_message_passing_pays_only_where_it_beats_both(base, control, verdict, reason) -> None:
    found = decide({"base": base, "control": control}, 0.001, seeds=3)
    assert found.verdict == verdict and reason in found.reason
    alone = decide({"base": base, "control": control}, 0.001, seeds=1)
    assert alone.verdict == UNDECIDED and "one seed" in alone.reason


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (PAYS, "Message passing by fine-tuning pays on shop"),
        (COSTS, "Message passing by fine-tuning does not pay on shop"),
        (EQUAL, "Message passing by fine-tuning makes no difference that matters on shop"),
        (UNDECIDED, "Whether message passing by fine-tuning pays on shop is undecided"),
    ],
)
def test_every_verdict_is_a_sentence(verdict: str, said: str) -> None:
    trial = SimpleNamespace(encoded=SimpleNamespace(name="shop"))
    assert page.answer(SimpleNamespace(ft=SimpleNamespace(verdict=verdict), trial=trial)) == said


def test_a_loss_too_small_to_matter_is_no_loss() -> None:
    assert decide({"base": Effect(-0.0005, -0.0009, -0.0001)}, 0.001, seeds=3).verdict == EQUAL
    assert decide({"base": Effect(-0.0005, -0.0009, -0.0001)}, 0.0, seeds=3).verdict == COSTS


def test_the_tail_of_equal_degrees_is_even_and_of_one_giant_is_not() -> None:
    even = tail(np.full(20, 7), np.full(20, 4))
    assert (even["gini"], even["top_tenth_share"], even["few_share"]) == (pytest.approx(0), 0.1, 1.0)
    one = tail(np.array([0] * 19 + [7]), np.array([0] * 19 + [7]))
    assert one["gini"] == pytest.approx(19 / 20) and one["top_tenth_share"] == 1 and one["max"] == 7


def test_a_profile_counts_what_was_kept(small) -> None:
    found = profile(small)
    assert found["density_percent"] == pytest.approx(100 * len(small.user) / (found["users"] * found["items"]))
    assert found["user_degree"]["mean"] == pytest.approx(found["interactions"] / found["users"])


def test_the_place_is_between_the_neighbours_in_density() -> None:
    places = pd.DataFrame({"dataset": ["a", "b", "b", "c"], "k": 3, "density_percent": [0.1, 1.0, 1.0, 5.0]})
    assert [each and each["dataset"] for each in nearest(places, 2.0)] == ["b", "c"]
    assert nearest(places, 0.01)[0] is None and nearest(places, 9.0)[1] is None
    assert nearest(paper_places(), 0.086)[0]["dataset"] == "Yelp2022"


def test_a_place_is_told_by_its_neighbours() -> None:
    ours = pd.DataFrame({"dataset": ["a", "b"], "k": 3, "density_percent": [1.0, 5.0]})
    assert page.beside(ours, "our", 2.0) == "between our a 3-core (1 %) and b 3-core (5 %)"
    assert (
        page.beside(ours, "the paper's", 9.0)
        == "higher than any of the paper's, of which b 3-core (5 %) is the densest"
    )
    assert page.beside(ours, "our", 0.5) == "lower than any of ours, of which a 3-core (1 %) is the sparsest"
    assert "none of which is kept" in page.beside(ours[:0], "our", 1.0)


def test_the_rule_of_the_advice_is_that_of_the_measured_cells() -> None:
    cell = {"k": 3, "model": "dcnv2", "density_percent": 1.0, "mde": 0.001, "seeds": 3}
    rows = [
        cell | {"dataset": name, "reference": reference, "open": name == "c"} | dict(zip(("change", "low", "high"), ends, strict=True))
        for name, both in {
            "a": ((0.004, 0.002, 0.006), (0.004, 0.002, 0.006)),
            "b": ((0.004, 0.002, 0.006), (0.004, -0.001, 0.009)),
            "c": ((0.004, 0.002, 0.006), (0.004, 0.002, 0.006)),
        }.items()
        for reference, ends in zip(("base", "control"), both, strict=True)
    ]  # fmt: skip
    places = pd.DataFrame(rows)
    found = page.measured_decisions(places, 0.001)
    assert [text.split(page.NO_BREAK) for text in found["verdict"]] == [["▲", "pays"], ["?", "undecided"]]
    said = page.measured_said(found, places)
    assert "Of 2 cells" in said and "pays in 1," in said and "undecided in 1" in said and said.endswith("as open: 1.")
    told = page.measured_evidence(found, "in 1 of 2 cells")
    assert told.startswith(
        "Of 2 measured cells (a model on a core of real ratings: a, b), each judged alone, fine-tuning with"
    )
    assert (
        "pays in 1, " in told
        and " and is undecided in 1; with a correction for their number it beats Base and the control in 1 of" in told
    )
    assert "nothing to add by default" in told and "As a rule it pays" in page.measured_evidence(found[:1], "in none")
    none = page.measured_decisions(places[:0], 0.001)
    assert page.measured_said(none, places[:0]).startswith("Of 0 cells")
    assert "measure your own" in page.measured_evidence(none, "in none")


def test_a_demonstration_opens_on_what_was_measured_and_ones_own_ratings_on_their_answer() -> None:
    own = {"base": GAIN, "control": GAIN}
    decided = pd.DataFrame({"verdict": [f"▲{page.NO_BREAK}pays"]}, index=["a, k = 3"])

    def told(dataset: str) -> tuple[str, str, str]:
        request = SimpleNamespace(dataset=dataset, model="dcnv2")
        tried = SimpleNamespace(
            request=request, runs={}, epochs=30, searched=True, encoded=SimpleNamespace(name="shop")
        )
        found = SimpleNamespace(trial=tried, ft=decide(own, 0.001, seeds=3))
        return page.lead(found, decided, 0.001, "in none"), page.verdict(found), page.trial_said(found)

    demonstration, shop = told("synthetic:users=50"), told("shop.toml")
    assert demonstration[0].startswith("Of 1 measured cell (") and "decides nothing" in demonstration[1]
    assert shop[0].startswith("Message passing by fine-tuning pays on shop: better than Base and the control.")
    assert (
        demonstration[2].startswith("This run is a demonstration on synthetic ratings")
        and "Fine-tune" in demonstration[2]
    )
    assert shop[2] == "Its answer stands at the top of the page."
    assert "Fine-tune with the graph" in shop[0] and shop[1] == "Message passing by fine-tuning pays on shop."


def test_every_verdict_has_something_to_do() -> None:
    lines = page.actions_list().splitlines()
    assert len(lines) == 4 and "*pays*: fine-tune" in lines[0] and "collect more" in lines[3]
    assert all(line.endswith(f": {page.KEEP}.") for line in lines[1:3])


def test_what_a_trial_can_find_stands_beside_its_users_and_seeds() -> None:
    cell = {"dataset": "d", "k": 3, "seeds": 3, "train_interactions": 8000, "train_per_user": 80.0, "se": 2.0}
    rows = [
        cell | {"model": model, "reference": reference, "mde": mde, "se_users": 1.0}
        for model, both in {"dcnv2": (0.002, 0.0005), "afn": (0.001, 0.001)}.items()
        for reference, mde in zip(("base", "control"), both, strict=True)
    ]
    places = pd.DataFrame(rows)
    row = page.detectable_table(places).map(lambda cell: str(cell).replace(page.NO_BREAK, " ")).iloc[0]
    assert row[["users", "test interactions", "seeds", "models"]].tolist() == ["100", "1,000", "3", "2"]
    assert row["FT to Base"] == "0.15 (0.10 to 0.20)" and row["FT to the control"] == "0.08 (0.05 to 0.10)"
    assert row["of the variance by users, %"] == "25"
    said = page.detectable_said(places, 0.001)
    assert (
        "of 0.1 points against both Base and the control" in said
        and "in 1 of 2 cells; the median cell finds 0.15" in said
    )
    assert page.detectable_said(places[:0], 0.001) == "" and page.detectable_table(places[:0]).empty


def test_the_densities_where_a_model_gains_are_named() -> None:
    places = pd.DataFrame(
        {"reference": "control", "density_percent": [1.0, 5.0, 7.0, 9.0], "low": [0.1, -0.1, 0.1, 0.1]}
    )
    places["open"] = [False, False, False, True]
    assert page.by_density_said(places).endswith("at a density of 1 %, 7 %, and not at 5 %.")
    assert (
        page.by_density_said(places[1:2]).endswith("of none, and not at 5 %.")
        and page.by_density_said(places[:0]) == ""
    )


def test_a_log_of_clicks_is_described_as_ratings_of_0_and_1(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = rng.permutation(40 * 30)[:800]
    log = pd.DataFrame({"user_id": pairs // 30, "ad_id": pairs % 30, "clicked": rng.integers(0, 2, 800), "time": 1})
    log.to_csv(tmp_path / "impressions.csv", index=False)
    book = (Path(__file__).parents[2] / "book" / "decide.md").read_text()
    (tmp_path / "clicks.toml").write_text(
        next(part for part in book.split("```toml\n")[1:] if '"clicks"' in part).split("```")[0]
    )
    found = curate(load(str(tmp_path / "clicks.toml")), Curation(k=3))
    assert (found.interactions["label"] == found.interactions["rating"]).all() and not found.interactions[
        "middle"
    ].any()


def test_the_budget_decides_what_is_searched_and_how_long_trainings_may_be() -> None:
    request = Request("synthetic", "dcnv2", minutes=1)
    cost = {"base": 1.0, "ft": 2.0}
    assert planned(request, cost, 2, 1000.0) == (ANEW, 30)
    assert planned(request, cost, 2, 121.0) == (ANEW, 30)  # (6 + 6 + 2 x 6) x 10 epochs on 2 slots
    assert planned(request, cost, 2, 119.0) == ((), 30)
    assert planned(request, cost, 2, 61.0) == ((), 30)  # (6 + 2 + 2 x 2) x 10 epochs
    assert planned(request, cost, 2, 59.0) == (None, 14)
    with pytest.raises(ConfigError, match="too small: 2 epochs of Base, control and FT on synthetic need about"):
        planned(request, cost, 2, 7.0)
    with pytest.raises(ConfigError, match=r"of 0.001 minutes is too small: .* need about 0.1\."):
        planned(replace(request, minutes=0.001), {"base": 1e-3, "ft": 2e-3}, 2, 1e-3)


def test_a_penalty_that_was_not_searched_far_enough_is_warned_of() -> None:
    def said(searched: bool, chosen: float | None) -> str:
        base = {} if chosen is None else {"training.l2_embedding": chosen}
        tried = PENALTIES if searched else ()
        return open_penalty(Trial(None, None, {}, 1, {"base": base}, tried, 1, 1, 1.0))

    assert said(True, 1e-3) == ""
    assert "is the largest tried" in said(True, max(PENALTIES))
    assert "was not searched" in said(False, None)


def test_larger_penalties_are_tried_while_the_largest_serves_base_best(shop: Path, monkeypatch) -> None:
    """FT and the control may keep the one that Base ends with."""
    monkeypatch.setattr(trial, "is_open", lambda own, tried: max(tried) < 1.0)
    monkeypatch.setattr(
        trial, "base_penalty", lambda state: max(state.study.grid["any"]["base"]["training"]["l2_embedding"])
    )
    request = Request(str(shop), "dcnv2", k=2, minutes=5, seeds=1, epochs=1, ts=False)
    told = Lines(0)
    found = try_tiers(request, InProcessEngine(threads=1), RunStore(None), device="cpu", observer=told)
    assert (
        told.total == 8 + 2 * 6 and told.done <= told.total
    )  # at most: Base's penalties, then two rates by three penalties
    assert found.penalties == (*PENALTIES, 0.3, 1.0) and found.searched
    assert grid_of(found.penalties, 1.0)["ft"]["training"]["l2_embedding"] == [1e-4, 1e-3, 1.0]
    assert grid_of(PENALTIES, 0.1, ())["ft"]["training"]["l2_embedding"] == [0.1]
    assert grid_of(PENALTIES, 1e-3)["control"]["training"]["l2_embedding"] == [1e-4, 1e-3]
    assert found.trainings >= len(found.penalties) + 6 + 6  # two rates and three penalties each


def test_no_round_starts_that_would_not_end_in_time(shop: Path) -> None:
    """The clock jumps by the whole budget once the first round is over."""
    times = itertools.chain([0.0] * 5, itertools.repeat(1e6))
    request = Request(str(shop), "dcnv2", k=2, minutes=5, seeds=4, epochs=1, search=False)
    found = try_tiers(request, InProcessEngine(threads=1), RunStore(None), device="cpu", clock=lambda: next(times))
    assert found.seeds == 1 and {tier for tier, _ in found.runs} == {"base", "control", "ft"}


def test_advice_on_a_csv_never_seen_is_whole_and_not_trained_twice(shop: Path, tmp_path: Path) -> None:
    request = Request(str(shop), "dcnv2", k=2, minutes=5, seeds=2, epochs=2)
    found = advise_on(request, engine=InProcessEngine(threads=1), runs=tmp_path, device="cpu", repeats=30)
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (
        document["dataset"] == "shop"
        and document["verdict"] in (PAYS, COSTS, EQUAL, UNDECIDED)
        and document["seeds"] == 2
    )
    assert set(document["ft"]["effects"]) == set(document["ts"]["effects"]) == {"base", "control"}
    assert list(document["groups"]) == ["low", "mid", "high"] and document["searched"]
    effect = document["ft"]["effects"]["base"]
    scores = [found.trial.runs[tier, s].row["auc"] for tier in ("ft", "base") for s in (0, 1)]
    assert (
        effect["change"] == pytest.approx(np.mean(scores[:2]) - np.mean(scores[2:])) and effect["low"] < effect["high"]
    )
    text = "\n".join(lines(found))
    assert "essage passing by fine-tuning" in text and "points against the control" in text and "up to" in text
    assert found.trial.trained == found.trial.trainings and "of a budget of 5 min" in page.effort(found)
    assert page.caution(found).startswith("Trainings were stopped after 2 epochs at most (30 are shipped)")
    before = sorted(tmp_path.iterdir())
    again = advise_on(request, engine=InProcessEngine(threads=1), runs=tmp_path, device="cpu", repeats=30)
    assert sorted(tmp_path.iterdir()) == before and again.ft == found.ft
    assert again.trial.trained == 0 and "epochs; all had finished before" in page.effort(again)
    assert float(page.unseen(found).split()[0]) < 5


def test_advice_on_one_user_is_undecided_and_says_why(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pd.DataFrame({"u": "a", "i": range(600), "stars": rng.integers(1, 6, 600)}).to_csv(tmp_path / "r.csv", index=False)
    (tmp_path / "one.toml").write_text(
        'middle = []\n[ratings]\npath = "r.csv"\nuser = "u"\nitem = "i"\nrating = "stars"\n'
    )
    request = Request(str(tmp_path / "one.toml"), "dcnv2", k=1, minutes=5, seeds=2, epochs=1, search=False)
    found = advise_on(request, engine=InProcessEngine(threads=1), device="cpu", smallest=0.0, repeats=30)
    document, text = json.loads(json.dumps(found.as_dict(), allow_nan=False)), "\n".join(lines(found))
    assert document["verdict"] == UNDECIDED and document["ft"]["effects"]["base"]["low"] is None
    assert "is undecided: against Base there is no interval: fewer than 10 users" in text and "nan" not in text
    assert "(no\u00a0interval)" in text and "Of low there is no interval" in text


@pytest.mark.slow
def test_the_command_prints_one_json_object(shop: Path, tmp_path: Path) -> None:
    arguments = ["advise", str(shop), "--k", "2", "--epochs", "1", "--seeds", "1", "--workers", "1", "--device", "cpu"]
    result = CliRunner().invoke(app, [*arguments, "--runs", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["budget_minutes"] == 8 and "base" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "0"], "budget=0"),
        (["--model", "dnc"], "no model 'dnc'"),
        (["--seeds", "0"], "seeds=0"),
        (["--epochs", "0"], "epochs=0"),
        (["--workers", "0"], "workers=0"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--smallest", "-1"], "smallest=-1"),
    ],
)
def test_bad_requests_end_in_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["advise", "synthetic", *arguments, "--runs", str(tmp_path)])
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.strip().splitlines()) == 1
