import pytest

from ctrnb.study.description import Cell, Study
from ctrnb.study.plan import Step, Training, choose, groups, sizes, steps

GRID = {
    "any": {"ft": {"training": {"learning_rate": [1e-3, 3e-4]}, "encoder": {"layers": [1, 2]}}},
    "dcnv2": {"base": {"model": {"dropout": [0.1, 0.2, 0.3]}}},
}


def study(grid=GRID, **cell) -> Study:
    options = {"models": ("dcnv2",), "seeds": (5, 6, 7)} | cell
    return Study("s", (Cell(("synthetic",), (3,), **options),), grid=grid, fixed={"training": {"epochs": 2}})


def run(described: Study, score, failed=lambda training: False) -> dict[Training, Step]:
    """Return every step of a study whose trainings score as told, in the order in which they became known."""
    (group,) = groups(described)
    known: dict[Training, float | None] = {}
    found: dict[Training, Step] = {}
    while True:
        planned = {step.training: step for step in steps(described, group, known)}
        fresh = [step for training, step in planned.items() if training not in known]
        assert all(known[parent] is not None for step in planned.values() for parent in step.parents)
        if not fresh:
            return planned
        for step in fresh:
            known[step.training] = None if failed(step.training) else score(dict(step.training.overrides))
        found |= planned


def finals(planned: dict[Training, Step], tier: str) -> list[Training]:
    return [t for t, step in planned.items() if t.tier == tier and step.stage == "final"]


def test_the_best_by_validation_is_trained_with_every_seed_and_inherited() -> None:
    planned = run(
        study(),
        lambda own: own["model.dropout"] - own.get("training.learning_rate", 0) if "model.dropout" in own else 0.5,
    )
    for tier in ("base", "ft", "control"):
        chosen = finals(planned, tier)
        assert [training.seed for training in chosen] == [5, 6, 7]
        assert {dict(training.overrides)["model.dropout"] for training in chosen} == {0.3}
    fine = {dict(training.overrides)["training.learning_rate"] for training in finals(planned, "ft")}
    assert fine == {3e-4}
    assert [t.overrides for t in finals(planned, "control")] == [t.overrides for t in finals(planned, "ft")]
    assert all(t.base_overrides == finals(planned, "base")[0].overrides for t in finals(planned, "ft"))
    assert all("model.dropout" not in dict(t.overrides) for t in finals(planned, "ts"))  # its own search


def test_a_worse_candidate_is_not_chosen() -> None:
    planned = run(study(), lambda own: -own.get("model.dropout", 0))
    assert {dict(training.overrides)["model.dropout"] for training in finals(planned, "base")} == {0.1}
    searched = [t for t, step in planned.items() if t.tier == "base" and step.stage == "search"]
    assert {(t.seed, dict(t.overrides)["model.dropout"]) for t in searched} == {(5, 0.2), (5, 0.3)}


def test_equals_are_decided_by_the_order_of_the_grid() -> None:
    trainings = {((name, 1),): Training(None, "m", "base", 0, ((name, 1),)) for name in ("b", "a")}
    known = dict.fromkeys(trainings.values(), 0.5)
    assert choose(trainings, known) == (("b", 1),)
    assert choose(trainings, {}) is None


@pytest.mark.parametrize(
    ("grid", "cell"),
    [
        (GRID, {}),
        ({}, {}),
        (GRID, {"tiers": ("base", "ts")}),
        (GRID, {"tiers": ("control",)}),
        (GRID, {"seeds": (1,)}),
    ],
)
def test_the_number_of_trainings_is_known_beforehand(grid: dict, cell: dict) -> None:
    described = study(grid, **cell)
    planned = run(described, lambda own: 0.5)
    assert len(planned) == sum(sizes(described, groups(described)[0]).values())
    tiers = described.cells[0].tiers
    assert {step.training.tier for step in planned.values() if step.stage == "final"} == set(tiers)


def test_a_control_with_a_grid_of_its_own_takes_its_budget_from_a_like_ft() -> None:
    grid = GRID | {"any": GRID["any"] | {"control": {"training": {"learning_rate": [1e-2, 1e-3]}}}}
    described = study(grid)
    planned = run(described, lambda own: own.get("training.learning_rate", 0.5))
    control = finals(planned, "control")
    assert {dict(t.overrides)["training.learning_rate"] for t in control} == {1e-2}
    for training in control:
        base, fine = planned[training].parents
        assert (base.tier, fine.tier) == ("base", "ft") and fine.overrides == training.overrides
        assert planned[fine].stage == "support"
    assert len(planned) <= sum(sizes(described, groups(described)[0]).values())


def test_a_failed_candidate_is_passed_over_and_what_needs_a_failed_one_waits() -> None:
    planned = run(
        study(), lambda own: own.get("model.dropout", 0), lambda t: dict(t.overrides).get("model.dropout") == 0.3
    )
    assert {dict(t.overrides)["model.dropout"] for t in finals(planned, "base")} == {0.2}
    planned = run(study(), lambda own: 0.5, lambda training: training.tier == "base")
    assert {training.tier for training in planned} == {"base", "ts"} and not finals(planned, "base")
    planned = run(study(), lambda own: 0.5, lambda training: (training.tier, training.seed) == ("base", 6))
    assert [training.seed for training in finals(planned, "ft")] == [5, 7]


def test_a_group_that_two_cells_share_comes_once() -> None:
    cell = Cell(("synthetic",), (3,), models=("dcnv2",))
    assert len(groups(Study("s", (cell, cell)))) == 1


def test_a_control_that_tries_what_ft_tries_needs_few_further_trainings() -> None:
    grid = {
        "any": {
            "ft": {"training": {"learning_rate": [1e-3, 3e-4]}},
            "control": {"training": {"learning_rate": [3e-4, 1e-3]}},
        }
    }
    described = study(grid)
    group = groups(described)[0]
    assert sizes(described, group) == {"base": 3, "control": 4, "ft": 4 + 2, "ts": 3}
    assert len(run(described, lambda own: 0.5)) in (14, 16)
