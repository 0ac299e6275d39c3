"""Section 4.3: fine-tuning against training from scratch, and weak against strong supervision (Table 3)."""

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import DOES_NOT_HOLD, HOLDS, Decision, Section
from ctrnb.audit.rules import (
    HALF_CHANGE,
    all_cells,
    allowed,
    changes,
    contrast,
    every,
    mean_only,
    misprint,
    most,
    places,
    select,
    some,
)

STRATEGIES = Section("4.3")
BOTH = ("FT", "TS")


def cells(**where: object) -> pd.DataFrame:
    """Return Table 3's cells of FT and TS."""
    return select(paper.table(3), **({"tier": BOTH} | where))


def advantage(**where: object) -> pd.Series:
    """Return FT's relative change less TS's, in percent, as printed."""
    return contrast(changes(3, **where), "tier", "FT", "TS")


def ft_beats_ts(**where: object) -> Decision:
    """Decide whether FT's change exceeds TS's in every cell of Table 3 that is asked for."""
    untested = sorted(set(paper.table(2)["model"]) - set(paper.table(3)["model"]))
    note = f"no FT is reported for {', '.join(untested)}" if untested else ""
    return every(
        advantage(**where), cells(**where), "FT's change above TS's", unit="%", slack=2 * HALF_CHANGE, note=note
    )


@STRATEGIES.claim(
    "ft-better",
    "heading and question",
    "Fine-tuning with message passing is better than training with it from scratch.",
)
def ft_better() -> Decision:
    return ft_beats_ts()


@STRATEGIES.claim("ft-consistent", "paragraph 1", "On the complete test set FT beats TS consistently.")
def ft_consistent() -> Decision:
    return ft_beats_ts(evaluated="all")


@STRATEGIES.claim("complete-mark", "paragraph 1", "A cross marks evaluation on the complete test set (written EvalMR).")
def complete_mark() -> Decision:
    """The complete test set is where Table 3 repeats Table 2."""
    stated = paper.TEXT["4.3", "mark of the complete test set"]
    table = paper.table(3)
    keys = ["dataset", "k", "model", "tier"]
    joined = table.merge(paper.table(2)[[*keys, "value"]], on=keys, suffixes=("", "_2"))
    equal = (joined["value"] == joined["value_2"]).groupby(joined["printed_mark"]).mean()
    complete = equal.index[equal == 1].tolist()
    told = ", ".join(f"{mark}: {share:.0%}" for mark, share in equal.items())
    evidence = f"cells of Table 3 equal to Table 2's by EvalRM mark: {told}; stated {stated}; EvalMR stands for EvalRM."
    return misprint(complete != [stated], len(complete) == 1, select(table, tier="Base", k=3), evidence)


AVERAGES: dict[str, dict[str, object]] = {  # what the text says of a mean advantage, and of which cells
    "FT over TS": {},
    "FT over TS, ML-1M": {"dataset": "ML-1M"},
    "FT over TS, Yelp2022": {"dataset": "Yelp2022"},
}


@STRATEGIES.claim(
    "average",
    "paragraph 1",
    "On the complete test set FT's relative change exceeds TS's by 0.22 % on average, by 0.11 % on the dense dataset and by "
    "0.33 % on the sparse one.",
)
def average() -> Decision:
    """One sentence with three numbers: they are taken as means over the same evaluations, or over none."""
    stated = [paper.TEXT["4.3", key] for key in AVERAGES]
    means = {
        name: [advantage(**where, **evaluated).mean() for where in AVERAGES.values()]
        for name, evaluated in {
            "on the complete test set": {"evaluated": "all"},
            "with middle ratings removed": {"evaluated": "middle removed"},
            "over both evaluations together": {},
        }.items()
    }
    fits = {
        name: all(allowed(text, mean, 0.0) for text, mean in zip(stated, each, strict=True))
        for name, each in means.items()
    }
    told = "; ".join(f"{name} {', '.join(map(places, each))}" for name, each in means.items())
    fitting = " and ".join(name for name in means if fits[name]) or "under no evaluation"
    evidence = f"mean advantages, percent: {told}; stated {', '.join(stated)}, which are the means {fitting}."
    complete = zip(stated, means["on the complete test set"], strict=True)
    holds = all(allowed(text, mean, 2 * HALF_CHANGE) for text, mean in complete)
    return Decision(HOLDS if holds else DOES_NOT_HOLD, evidence, "recomputed number", all_cells(cells(evaluated="all")))


@STRATEGIES.claim("average-sign", "paragraph 1", "On average FT is ahead of TS on both datasets.")
def average_sign() -> Decision:
    found = advantage().groupby(level=["dataset", "evaluated"]).mean()
    return every(found, cells(), "datasets and evaluations in which FT is ahead on average", unit="%")


def more_consistent_when_dense() -> Decision:
    """Decide by the share of cells improved, tier by tier and evaluation by evaluation."""
    share = 100 * (changes(3) > 0).astype(float).groupby(level=["dataset", "tier", "evaluated"]).mean()
    note = ", ".join(
        f"{dataset} {each:.0%}" for dataset, each in (changes(3) > 0).groupby(level="dataset").mean().items()
    )
    return every(
        contrast(share, "dataset", "ML-1M", "Yelp2022"),
        cells(),
        "tiers and evaluations with a larger share of gains on ML-1M",
        unit="percent points",
        note=f"gains: {note}",
    )


STRATEGIES.claim(
    "dense-consistent", "paragraph 2", "Message passing helps more consistently on dense than on sparse data."
)(more_consistent_when_dense)


@STRATEGIES.claim("dense-gains", "paragraph 2", "Message passing improves models trained on ML-1M.")
def dense_gains() -> Decision:
    """Decide by Table 3, which the paragraph interprets."""
    others = changes(2, dataset="ML-1M")
    against = others[others <= 0]
    told = ", ".join(f"{key[2]} {key[3]} at k = {key[1]} ({value:+.2f} %)" for key, value in against.items())
    note = f"Table 2's, which the paragraph is not about: {len(others) - len(against)} of {len(others)}"
    return every(
        changes(3, dataset="ML-1M"),
        cells(dataset="ML-1M"),
        "changes of Table 3 on ML-1M that are gains",
        unit="%",
        slack=HALF_CHANGE,
        note=f"{note}, not {told}" if told else note,
    )


@STRATEGIES.claim("sparse-losses", "paragraph 2", "On Yelp2022 it can harm.")
def sparse_losses() -> Decision:
    return some(-changes(3, dataset="Yelp2022"), cells(), "losses on Yelp2022")


@STRATEGIES.claim("small-k", "paragraph 2", "On Yelp2022, where it can harm, it does so more where k is small.")
def small_k() -> Decision:
    found = changes(3, dataset="Yelp2022")
    ends = sorted(found.index.unique("k"))
    losses = {k: int((part < 0).sum()) for k, part in found.groupby(level="k")}
    note = ", ".join(f"{count} losses at k = {k}" for k, count in losses.items())
    note += "; Section 4.2 sees no pattern in k (4.2/local-no-pattern)"
    what = f"tiers of a model whose change is higher at k = {ends[-1]} than at k = {ends[0]}"
    margin, frame = contrast(found, "k", ends[-1], ends[0]), cells(k=(ends[0], ends[-1]))
    return every(margin, frame, what, unit="%", slack=2 * HALF_CHANGE, note=note)


@STRATEGIES.claim("ft-mitigates", "paragraph 2", "Where message passing harms, FT generally harms less than TS.")
def ft_mitigates() -> Decision:
    wide = changes(3).unstack("tier")
    harmed = wide[wide.min(axis=1) < 0]
    return most(
        harmed["FT"] - harmed["TS"],
        cells(),
        "cells with a loss in which FT is ahead of TS",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


@STRATEGIES.claim("ft-dense", "paragraph 2", "On dense data fine-tuning gains more than training from scratch.")
def ft_dense() -> Decision:
    return ft_beats_ts(dataset="ML-1M")


STRATEGIES.unchecked(
    "ft-cost",
    "paragraph 2",
    "Fine-tuning costs less computation than training from scratch.",
    "no times, epochs or operations are given; FT's cost also includes the training of its Base.",
)


def supervision_gap(column: str = "change_percent", /, **where: object) -> pd.Series:
    """Return the absolute difference of a change between the two evaluations, in percent."""
    return contrast(changes(3, column, **where), "evaluated", "all", "middle removed").abs()


@STRATEGIES.claim(
    "dense-supervision",
    "supervision, heading",
    "On dense data the change depends less on whether weak ratings are evaluated than on sparse data.",
)
def dense_supervision() -> Decision:
    return every(
        contrast(supervision_gap(), "dataset", "Yelp2022", "ML-1M"),
        cells(),
        "models, tiers and k whose change moves less on ML-1M",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


@STRATEGIES.claim(
    "autoint", "supervision, example 1", "AutoInt's FT gains 0.22 % on ML-1M at k = 3 under either evaluation."
)
def autoint() -> Decision:
    where = {"model": "AutoInt", "dataset": "ML-1M", "k": 3, "tier": "FT"}
    found = changes(3, **where)
    same = found == paper.number(paper.TEXT["4.3", "AutoInt, k = 3"])
    return every(
        same, cells(**where), "evaluations with the stated change", note=f"printed {', '.join(map(str, found))}"
    )


@STRATEGIES.claim(
    "finalmlp",
    "supervision, example 2",
    "FinalMLP's TS on ML-1M at k = 10 changes by 0.13 % and 0.12 % under the two evaluations.",
)
def finalmlp() -> Decision:
    where = {"model": "FinalMLP", "dataset": "ML-1M", "k": 10}
    stated = [paper.number(each) for each in paper.TEXT["4.3", "FinalMLP, k = 10"].split()]
    found = {tier: changes(3, tier=tier, **where).tolist() for tier in BOTH}
    told = "; ".join(f"{tier} {' and '.join(map(str, pair))}" for tier, pair in found.items())
    evidence = (
        f"printed {told}; stated for TS {stated[0]} and {stated[1]}, FT's: {'yes' if found['FT'] == stated else 'no'}."
    )
    return misprint(found["TS"] != stated, found["FT"] == stated, cells(**where), evidence)


def stated_gap(dataset: str) -> tuple[str, pd.Series, str]:
    """Return the stated difference between evaluations on a dataset, the differences, and their recomputed mean."""
    again = supervision_gap("relative_percent", dataset=dataset).mean()
    return (
        paper.TEXT["4.3", f"difference, {dataset}"],
        supervision_gap(dataset=dataset),
        f"mean {places(again)} from the cells",
    )


@STRATEGIES.claim("gap-dense", "supervision", "On ML-1M the two evaluations' changes differ by no more than 0.03 %.")
def gap_dense() -> Decision:
    stated, found, note = stated_gap("ML-1M")
    return mean_only(
        stated, found, cells(), "difference between evaluations, percent", slack=2 * HALF_CHANGE, note=note
    )


@STRATEGIES.claim("gap-sparse", "supervision", "On Yelp2022 they differ by 0.29 %.")
def gap_sparse() -> Decision:
    stated, found, note = stated_gap("Yelp2022")
    return mean_only(
        stated, found, cells(), "difference between evaluations, percent", slack=2 * HALF_CHANGE, note=note
    )


@STRATEGIES.claim("gap-larger", "supervision", "The difference is larger on Yelp2022 than on ML-1M.")
def gap_larger() -> Decision:
    found = supervision_gap().groupby(level="dataset").mean()
    evidence = f"mean difference {found['Yelp2022']:.3f} % against {found['ML-1M']:.3f} %."
    return Decision(
        HOLDS if found["Yelp2022"] > found["ML-1M"] else DOES_NOT_HOLD,
        evidence,
        "recomputed number",
        all_cells(cells()),
    )


def marks_named_twice(place: tuple[str, str]) -> Decision:
    """Decide a sentence that tells two kinds of cells apart by two marks."""
    stated = paper.TEXT[place].split()
    used = sorted(set(paper.table(3)["printed_mark"]))
    evidence = (
        f"Table 3 uses {' and '.join(used)}, the sentence {' and '.join(stated)}; "
        "the source is an extracted text, in which a cross may have been lost."
    )
    return misprint(
        sorted(stated) != used, len(set(stated)) < len(used), select(paper.table(3), tier="Base", k=3), evidence
    )


@STRATEGIES.claim("gap-marks", "supervision", "The evaluations compared are marked by two different signs.")
def gap_marks() -> Decision:
    return marks_named_twice(("4.3", "marks compared"))
