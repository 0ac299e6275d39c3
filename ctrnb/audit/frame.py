"""Abstract, Sections 1 to 3, 5, the impact statement, and the appendices that hold no tables.

Many repeat what a later section states with numbers; they are decided by the same function, in their own words.
"""

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section, by_proof
from ctrnb.audit.density import effective, proportional
from ctrnb.audit.effort import (
    CASES,
    condition_3,
    equation_23,
    greatest_effort_everywhere,
    greatest_gain_everywhere,
    three_conditions,
)
from ctrnb.audit.formulas import (
    brackets_of_the_loss,
    cases_of_a_block,
    features_of_all_nodes,
    frobenius_of_blocks,
    least_constant,
    linear_layer,
    look_up,
    misprinted,
    range_of_probabilities,
    sign_of_a_loss,
    spectral_below_frobenius,
)
from ctrnb.audit.rules import HALF_CHANGE, changes, contrast, every, select
from ctrnb.audit.strategies import ft_better
from ctrnb.audit.underserved import UNMEASURED, variance_reduced_everywhere

ABSTRACT, INTRODUCTION, BACKGROUND = Section("Abstract"), Section("1"), Section("2")
STABILITY, INTEGRATION = Section("3.1"), Section("3.2")
CONCLUSION, IMPACT = Section("5"), Section("Impact Statement")
RELATED, BASELINES, PROOF, CONDITIONS = Section("A"), Section("B"), Section("D"), Section("E")


def stable_when_dense(tiers: tuple[str, ...] = ("FT", "TS")) -> Decision:
    """Decide whether a model's changes vary less over k on ML-1M: TS by Table 2, FT by Table 3."""
    tables = {"TS": (2, {}), "FT": (3, {"evaluated": "all"})}
    spreads, frames = [], []
    for tier in tiers:
        number, where = tables[tier]
        spreads.append(changes(number, tier=tier, **where).groupby(level=["dataset", "model", "tier"]).std(ddof=1))
        frames.append(select(paper.table(number), tier=tier, **where))
    margin = contrast(pd.concat(spreads), "dataset", "Yelp2022", "ML-1M")
    return every(
        margin,
        frames,
        "models and tiers whose change varies less over k on ML-1M (standard deviation)",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


def stable_ft() -> Decision:
    """Decide whether Yelp2022's changes vary more over k than ML-1M's by more in FT than in TS."""
    spread = changes(3, evaluated="all").groupby(level=["dataset", "model", "tier"]).std(ddof=1)
    steadier = contrast(spread, "tier", "TS", "FT")
    return every(
        contrast(contrast(spread, "dataset", "Yelp2022", "ML-1M"), "tier", "FT", "TS"),
        select(paper.table(3), tier=("FT", "TS"), evaluated="all"),
        "models whose change varies more over k on Yelp2022 than on ML-1M "
        "by more in FT than in TS (standard deviation)",
        unit="percent points",
        slack=4 * HALF_CHANGE,
        note=f"FT varies less than TS in {int((steadier > 0).sum())} of {len(steadier)} datasets and models",
    )


ABSTRACT.claim(
    "density", "first insight", "The benefits of message passing grow in proportion to the dataset's density."
)(proportional)
ABSTRACT.claim(
    "fine-tuning",
    "second insight",
    "Fine-tuning with message passing is more effective than training with it from scratch.",
)(ft_better)
ABSTRACT.claim("under-served", "third insight", "By MCI, message passing spends more effort on under-served users.")(
    greatest_effort_everywhere
)
ABSTRACT.claim("effective", "findings", "Message passing is effective in improving CTR prediction.")(effective)
ABSTRACT.unchecked(
    "polarisation", "last sentence", "Message passing may mitigate polarisation and foster equity.", UNMEASURED
)

INTRODUCTION.claim("stable", "experiments", "Message passing improves dense datasets more stably than sparse ones.")(
    stable_when_dense
)
INTRODUCTION.claim(
    "fine-tuning",
    "experiments",
    "Fine-tuning with message passing is more effective than training with it from scratch.",
)(ft_better)
INTRODUCTION.claim("under-served", "MCI", "Users with the lowest initial performance receive the greatest effort.")(
    greatest_effort_everywhere
)
INTRODUCTION.claim("conditions", "MCI", "MCI meets its three conditions.")(three_conditions)
INTRODUCTION.unchecked(
    "activity",
    "MCI",
    "They receive it whatever their activity.",
    "the under-served group of each dataset is itself one level of activity; "
    "no group of one activity is split by performance.",
)
INTRODUCTION.unchecked(
    "demographics",
    "MCI",
    "They receive it whatever their demographic profile.",
    "no result is split by a demographic field.",
)
INTRODUCTION.by_theory(
    "lipschitz",
    "stability",
    "Message passing lowers the Lipschitz constant of the representation map and so makes it more stable.",
    "lipschitz.mp-decreases",
    "a theorem",
)
INTRODUCTION.unchecked(
    "independent",
    "paragraphs 1 and 2 (also Abstract)",
    "Models represent users, items and context independently, "
    "and what connectivity does is unclear and little explored.",
    "a survey of other work; at odds with Appendix B, by which GDCNP, one of the Base models, uses connectivity.",
)
INTRODUCTION.unchecked(
    "isolate",
    "experiments",
    "Message passing in the embedding alone isolates the effect of connectivity.",
    "FT also trains longer than Base and TS has another encoder from the start; "
    "no control without message passing is reported for either.",
)
INTRODUCTION.unchecked("polarisation", "last sentence", "Message passing may mitigate polarisation.", UNMEASURED)

BACKGROUND.claim("look-up", "problem", "The encoder, which looks up an ID in a table, is a map from R.")(look_up)
BACKGROUND.claim(
    "probability", "Equation 3", "The rating function gives a probability in [0, 1], of which Equation 3 is the loss."
)(range_of_probabilities)
BACKGROUND.claim("loss", "Equation 3", "The binary cross-entropy as printed, without brackets around its two terms.")(
    brackets_of_the_loss
)
BACKGROUND.claim("linear", "Equation 4", "The update rule with message passing is a linear layer.")(linear_layer)
BACKGROUND.claim("least", "Equation 6", "The smallest K of Equation 5 is the supremum of the quotients of Equation 6.")(
    least_constant
)
BACKGROUND.by_theory(
    "maximum-change",
    "Lipschitz constant",
    "The Lipschitz constant is the largest change of the output that a unit-norm perturbation causes.",
    "lipschitz.constant-change",
    "a reading of a definition",
)
BACKGROUND.by_theory(
    "sensitivity",
    "Lipschitz constant",
    "A smaller Lipschitz constant indicates a lower sensitivity to the input.",
    "lipschitz.constant-sensitivity",
    "a reading of a definition",
)

STABILITY.by_theory(
    "reduces",
    "opening of Section 3",
    "Connectivity reduces the Lipschitz constant of deep models.",
    "lipschitz.mp-decreases",
    "a theorem",
)
STABILITY.by_theory(
    "theorem-1",
    "Theorem 1",
    "The map of all features has a Lipschitz constant of at most L_sigma ||W||_F sqrt(1 + 1/k_i) for any node i.",
    "lipschitz.whole-printed",
    "a theorem",
)
STABILITY.by_theory(
    "isolated",
    "Theorem 1",
    "The bound holds at any node.",
    "lipschitz.node-isolated",
    "a theorem without its condition",
)
STABILITY.claim("features", "Theorem 1", "The collection of all node features lies in R^d.")(
    lambda: features_of_all_nodes("3.1")
)
STABILITY.by_theory(
    "insight",
    "Insight",
    "A higher degree lowers the Lipschitz constant and stabilises the output.",
    "lipschitz.whole-insight",
    "inferred from a bound, and true of one node's output (lipschitz.node-degree); read for the mapping function",
)
STABILITY.by_theory(
    "sketch",
    "Proof sketch",
    "L is at most the spectral norm of the Jacobian at a point.",
    "lipschitz.sketch-step",
    "a step of a proof",
)

INTEGRATION.by_theory(
    "simplification",
    "paragraph 2",
    "LightGCN's Equation 9 is Equation 4 without sigma and W.",
    "lightgcn.simplification",
    "mathematics",
)
INTEGRATION.claim("equation-9", "Equation 9", "A layer sums over v in N_i a term in j.")(
    lambda: misprinted("lightgcn.equation-9")
)
INTEGRATION.unchecked(
    "lightgcn",
    "paragraph 2",
    "LightGCN's linear message passing has proven effective in recommendation.",
    "cited from other work; no other encoder is measured here.",
)

CONCLUSION.claim("stable", "experiments", "Message passing improves dense datasets more stably than sparse ones.")(
    stable_when_dense
)
CONCLUSION.claim("stable-ft", "experiments", "That holds in fine-tuning above all.")(stable_ft)
CONCLUSION.claim("benefits", "MCI", "Users with the lowest original performance receive the greatest benefits.")(
    greatest_gain_everywhere
)
CONCLUSION.claim("effort", "MCI", "By MCI, message passing favours under-served groups.")(greatest_effort_everywhere)
CONCLUSION.by_theory(
    "lipschitz",
    "theory",
    "Connectivity lowers a deep model's Lipschitz constant.",
    "lipschitz.mp-decreases",
    "a theorem",
)

IMPACT.claim("improves", "first", "Message passing leads to numerical improvements.")(effective)
IMPACT.claim("disparities", "second", "Message passing reduces disparities across user groups.")(
    variance_reduced_everywhere
)
IMPACT.unchecked(
    "bias", "second", "It does so by mitigating biases of the algorithm.", "a cause; no measure of bias is reported."
)
IMPACT.unchecked("misinformation", "last", "It reduces echo chambers and the spread of misinformation.", UNMEASURED)

RELATED.unchecked(
    "hyperspaces",
    "A.1",
    "Projecting features into set spaces makes interactions more efficient and complex.",
    "cited from other work; neither cost nor complexity is measured.",
)
RELATED.unchecked(
    "followers",
    "A.2",
    "LightGCN improves on NGCF, and later work on LightGCN noticeably.",
    "cited from other work; none of these is measured.",
)

BASELINES.unchecked(
    "efficiency",
    "DCNV2, FinalMLP",
    "DCNV2's low-rank crosses improve DCN's efficiency and interpretability; FinalMLP is highly efficient.",
    "no times, parameters or operations are reported, and no measure of interpretability.",
)
BASELINES.unchecked(
    "effectiveness",
    "AutoInt, EulerNet, AFN",
    "AutoInt's interactions are more effective; EulerNet learns high orders; "
    "AFN captures low and high ones effectively.",
    "no ablation of a baseline is reported.",
)
BASELINES.unchecked(
    "gdcnp",
    "GDCNP",
    "GDCNP refines features by graph-based connectivity.",
    "a description without numbers, at odds with Section 4.1, which counts GDCNP among deep cross networks "
    "and Base as free of message passing; "
    "the published model gates its crosses and takes no graph (ctrnb.models.gdcnp).",
)
BASELINES.unchecked(
    "finalmlp",
    "FinalMLP",
    "FinalMLP is a light fully connected structure.",
    "a description without numbers, at odds with Section 4.1, which cites FinalMLP for attention.",
)

PROOF.claim("features", "Equation 12", "The concatenation of all node features lies in R^(|N|d).")(
    lambda: features_of_all_nodes("D")
)
PROOF.by_theory(
    "jacobian",
    "Equations 12 to 14",
    "The Jacobian of one node's update has the stated blocks.",
    "lipschitz.node-jacobian",
    "a step of a proof",
)
PROOF.claim("cases", "Equation 14", "For every neighbour j of i the block is D_i W / k_i if j is a neighbour, else 0.")(
    cases_of_a_block
)
PROOF.claim("norms", "opening of Step 3", "The spectral norm is at most the Frobenius norm.")(spectral_below_frobenius)
PROOF.claim("blocks", "Equation 15", "The Frobenius norm of the Jacobian is that of its blocks, as stated.")(
    frobenius_of_blocks
)
PROOF.by_theory(
    "diagonal",
    "Equations 16 and 17",
    "The Frobenius norm of the diagonal of derivatives is at most L_sigma.",
    "lipschitz.node-eq16",
    "a step of a proof",
)
PROOF.by_theory(
    "frobenius",
    "Equations 18 to 20",
    "The Frobenius norm of one node's Jacobian is at most L_sigma ||W||_F sqrt(1 + 1/k_i).",
    "lipschitz.node-bound",
    "steps of a proof, true by the spectral norm of the derivatives in place of Equation 16's",
)
PROOF.claim(
    "supremum", "Step 5", "The Lipschitz constant is the supremum of the Jacobian's spectral norm over all inputs."
)(
    lambda: by_proof(
        "true of differentiable maps on a convex set by the mean value inequality, and where sigma has a kink, as ReLU has, "
        "over the inputs that have a Jacobian; for the map of Equation 4 with six activations",
        "lipschitz.whole-operator",
    )
)
PROOF.by_theory(
    "whole-map",
    "Step 5",
    "One node's bound bounds the Lipschitz constant of the map of all nodes.",
    "lipschitz.whole-printed",
    "a step of a proof",
)

CONDITIONS.claim("condition-1", "first line", "At the same baseline a larger change has a larger MCI.")(
    lambda: by_proof("a step of a proof", *CASES["condition-1"])
)
CONDITIONS.claim("condition-2", "second line", "At the same new performance a lower baseline has a larger MCI.")(
    lambda: by_proof("a step of a proof", *CASES["condition-2"])
)
CONDITIONS.claim("equation-23", "Equation 23", "The difference of two MCI is the logarithm of the stated ratio.")(
    equation_23
)
CONDITIONS.claim("condition-3", "Cases 1 and 2", "At the same change a lower baseline has a larger absolute MCI.")(
    condition_3
)
CONDITIONS.by_theory(
    "difference",
    "below Equation 23",
    "The printed numerator less the printed denominator is c (p_2 - p_1).",
    "mci.difference",
    "a step of a proof",
)
CONDITIONS.by_theory(
    "bounds",
    "Case 1",
    "The difference c (p_2 - p_1) lies between 0 and 1 for a gain.",
    "mci.bounds",
    "a step of a proof",
)
CONDITIONS.claim(
    "bounds-loss", "Case 2", "For a loss c (p_2 - p_1) is negative, so that the printed numerator is the smaller."
)(sign_of_a_loss)
CONDITIONS.by_theory(
    "signs", "Cases 1 and 2", "MCI is positive for a gain and negative for a loss.", "mci.sign", "a step of a proof"
)
