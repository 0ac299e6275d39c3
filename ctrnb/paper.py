"""The paper's tables 1 to 8 as printed, each cell once, and as tidy tables.

Cells are kept as they are printed (``80.3 (-1.66)`` is an AUC in percent with its relative change to Base in percent);
:func:`table` makes numbers of them. The paper marks whether middle ratings are retained in an evaluation (EvalRM) by
check marks, and does so in opposite senses: Table 3's check marks go with the values of Table 2, Table 6's crosses
with those of Table 5, both of the whole test split. ``evaluated`` therefore says which ratings a value is of, decided by
those values, and ``printed_mark`` what stands in the table.

Every cell was compared with a second, independent reading of the paper's text. That text is itself an extraction, in which
check marks and crosses are unsteady: some check marks of Tables 6 to 8 come out as other signs (read by their place, rows
alternate), and where the prose gives the same mark twice (``TEXT``, "caption of Table 3" and "marks compared") the second
may have been a cross in print.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ctrnb.errors import ParameterError

TITLE = "On the Influence of Connectivity to CTR Prediction"
DATASETS = ("ML-1M", "Yelp2022")
MODELS = {"DCNV2": "dcnv2", "AutoInt": "autoint", "EulerNet": "eulernet", "AFN": "afn", "FinalMLP": "finalmlp", "GDCNP": "gdcnp"}  # fmt: skip
GROUPS = ("Overall", "Low", "Mid", "High")

# Table 1: k | users, interactions a user, items, interactions an item, interactions, density in percent.
TABLE_1 = {
    ("ML-1M", 3): "6K 165.6 3.5K 285.5 1M 4.72",
    ("ML-1M", 6): "6K 165.5 34K 296.0 1M 4.90",
    ("ML-1M", 10): "6K 165.3 3.3K 306.3 1M 5.07",
    ("Yelp2022", 3): "529K 9.8 144K 36.2 5.2M 0.01",
    ("Yelp2022", 6): "215K 17.9 96K 40.3 3.9M 0.02",
    ("Yelp2022", 10): "99K 27.9 56K 48.9 2.8M 0.05",
}

# Table 2: AUC of Base, and of TS with its change; k = 3, 6, 10.
TABLE_2 = {
    ("ML-1M", "DCNV2"): ("82.20 82.20 82.11", "82.33 (0.16) 82.34 (0.18) 82.24 (0.16)"),
    ("ML-1M", "EulerNet"): ("82.00 82.09 81.95", "82.25 (0.30) 82.21 (0.15) 82.18 (0.28)"),
    ("ML-1M", "FinalMLP"): ("82.18 82.15 82.04", "82.21 (0.03) 82.22 (0.09) 82.17 (0.15)"),
    ("ML-1M", "GDCNP"): ("82.07 82.12 81.97", "82.33 (0.32) 82.35 (0.28) 82.24 (0.33)"),
    ("ML-1M", "AFN"): ("82.02 82.08 81.93", "82 (-0.02) 82.16 (0.10) 82.06 (0.16)"),
    ("ML-1M", "AutoInt"): ("82.11 82.14 81.99", "82.17 (0.08) 82.24 (0.12) 82.05 (0.07)"),
    ("Yelp2022", "DCNV2"): ("81.65 80.48 77.22", "80.3 (-1.66) 79.19 (-1.61) 77.21 (-0.01)"),
    ("Yelp2022", "EulerNet"): ("81.45 79.30 77.41", "81.65 (0.25) 79.71 (0.52) 77.52 (0.15)"),
    ("Yelp2022", "FinalMLP"): ("79.82 78.18 76.56", "79.87 (0.06) 78.27 (0.12) 76.97 (0.54)"),
    ("Yelp2022", "GDCNP"): ("81.38 79.39 77.52", "81.63 (0.31) 80.04 (0.83) 78.01 (0.63)"),
    ("Yelp2022", "AFN"): ("81.12 79.20 77.54", "81.02 (-0.13) 79.64 (0.55) 77.77 (0.29)"),
    ("Yelp2022", "AutoInt"): ("82.06 79.88 78.09", "81.57 (-0.60) 78.96 (-1.15) 76.41 (-2.16)"),
}

# Table 3: AUC by model and EvalRM mark; of each tier ML-1M at k = 3, 6, 10, then Yelp2022 at the same.
TABLE_3 = {
    ("DCNV2", "✓"): {
        "Base": "82.20 82.20 82.11 81.65 80.48 77.22",
        "FT": "82.51 (0.38) 82.53 (0.40) 82.25 (0.17) 80.49 (-1.42) 79.52 (-1.19) 77.61 (0.51)",
        "TS": "82.33 (0.16) 82.34 (0.18) 82.24 (0.16) 80.3 (-1.66) 79.19 (-1.61) 77.21 (-0.01)",
    },
    ("DCNV2", "✗"): {
        "Base": "89.57 89.56 89.41 86.35 85.73 82.30",
        "FT": "89.87 (0.33) 89.84 (0.31) 89.6 (0.21) 85.93 (-0.48) 85.09 (-0.75) 83.11 (0.98)",
        "TS": "89.69 (0.14) 89.67 (0.12) 89.58 (0.19) 85.72 (-0.72) 84.55 (-1.38) 82.7 (0.49)",
    },
    ("AutoInt", "✓"): {
        "Base": "82.11 82.14 81.99 82.06 79.88 78.09",
        "FT": "82.28 (0.22) 82.32 (0.22) 82.2 (0.26) 81.84 (-0.26) 79.72 (-0.20) 78.13 (0.05)",
        "TS": "82.17 (0.08) 82.24 (0.12) 82.05 (0.07) 81.57 (-0.60) 78.96 (-1.15) 76.41 (-2.16)",
    },
    ("AutoInt", "✗"): {
        "Base": "89.47 89.50 89.28 86.95 85.08 83.39",
        "FT": "89.66 (0.22) 89.7 (0.22) 89.47 (0.21) 86.76 (-0.23) 84.92 (-0.20) 83.48 (0.10)",
        "TS": "89.56 (0.11) 89.59 (0.11) 89.37 (0.10) 86.56 (-0.45) 84.3 (-0.92) 81.88 (-1.82)",
    },
    ("FinalMLP", "✓"): {
        "Base": "82.18 82.15 82.04 79.82 78.18 76.56",
        "FT": "82.3 (0.14) 82.31 (0.19) 82.15 (0.13) 79.52 (-0.37) 77.91 (-0.35) 76.73 (0.22)",
        "TS": "82.21 (0.03) 82.22 (0.09) 82.17 (0.15) 79.87 (0.06) 78.27 (0.12) 76.97 (0.54)",
    },
    ("FinalMLP", "✗"): {
        "Base": "89.50 89.44 89.33 84.63 83.12 81.57",
        "FT": "89.61 (0.12) 89.62 (0.20) 89.44 (0.12) 84.34 (-0.34) 82.77 (-0.43) 81.85 (0.34)",
        "TS": "89.55 (0.06) 89.56 (0.14) 89.44 (0.12) 84.82 (0.23) 83.4 (0.33) 82.22 (0.79)",
    },
}

# Table 4: ML-1M at k = 6, Yelp2022 at k = 10; of each row DCNV2, AutoInt, FinalMLP: Base, FT (change), TS (change).
TABLE_4 = {
    ("ML-1M", "Overall"): "82.20 82.53 (0.40) 82.34 (0.18) 82.14 82.32 (0.22) 82.24 (0.12) 82.15 82.31 (0.19) 82.22 (0.09)",
    ("ML-1M", "Low"): "76.51 77.02 (0.67) 77.00 (0.63) 76.61 76.97 (0.48) 76.76 (0.19) 76.47 76.60 (0.18) 76.66 (0.25)",
    ("ML-1M", "Mid"): "79.91 80.34 (0.53) 80.12 (0.25) 79.87 80.10 (0.29) 79.97 (0.12) 79.98 80.16 (0.22) 80.03 (0.06)",
    ("ML-1M", "High"): "83.24 83.5 (0.31) 83.32 (0.10) 83.15 83.29 (0.17) 83.24 (0.12) 83.15 83.29 (0.17) 83.22 (0.08)",
    ("ML-1M", "Var"): "11.30 10.48 (-7.28) 10.01 (-11.43) 10.69 9.97 (-6.73) 10.52 (-1.58) 11.17 11.2 (0.34) 10.76 (-3.62)",
    ("Yelp2022", "Overall"): "77.22 77.61 (0.51) 77.21 (-0.01) 78.09 78.13 (0.05) 76.41 (-2.16) 76.56 76.73 (0.22) 76.97 (0.54)",
    ("Yelp2022", "Low"): "79.34 79.25 (-0.11) 79.02 (-0.41) 79.70 79.61 (-0.10) 76.79 (-3.65) 76.84 76.89 (0.07) 77.48 (0.84)",
    ("Yelp2022", "Mid"): "78.52 78.63 (0.13) 78.27 (-0.32) 79.14 79.11 (-0.04) 76.87 (-2.86) 77.02 77.18 (0.21) 77.55 (0.69)",
    ("Yelp2022", "High"): "76.14 76.79 (0.85) 76.39 (0.32) 77.23 77.36 (0.17) 76.21 (-1.32) 76.30 76.49 (0.26) 76.60 (0.39)",
    ("Yelp2022", "Var"): "2.77 1.64 (-40.61) 1.84 (-33.60) 1.67 1.40 (-16.51) 0.13 (-92.17) 0.14 0.12 (-14.93) 0.28 (102.12)",
}  # fmt: skip

# Table 5: logloss by model; Base, TS, change; ML-1M at k = 3, 6, 10, then Yelp2022 at the same.
TABLE_5 = {
    "DCNV2": (
        "0.5095 0.5095 0.5115 0.5110 0.5091 0.5829",
        "0.5064 0.5069 0.5102 0.5031 0.5076 0.5286",
        "-0.60 -0.51 -0.25 -1.55 -0.29 -9.31",
    ),
    "EulerNet": (
        "0.5123 0.5137 0.5161 0.4774 0.4935 0.5100",
        "0.5113 0.5104 0.5105 0.4712 0.4975 0.5150",
        "-0.21 -0.64 -1.08 -1.29 0.81 0.97",
    ),
    "FinalMLP": (
        "0.5079 0.5083 0.5090 0.4980 0.5051 0.5143",
        "0.5077 0.5071 0.5086 0.4917 0.5046 0.5118",
        "-0.03 -0.23 -0.09 -1.27 -0.11 -0.48",
    ),
    "GDCNP": (
        "0.5105 0.5112 0.5124 0.4755 0.4955 0.5064",
        "0.5091 0.5092 0.5095 0.4722 0.4851 0.5015",
        "-0.27 -0.39 -0.58 -0.69 -2.10 -0.97",
    ),
    "AFN": (
        "0.5098 0.5091 0.5103 0.5228 0.5295 0.5338",
        "0.5100 0.5083 0.5088 0.5166 0.5166 0.5398",
        "0.02 -0.16 -0.29 -1.19 -2.44 1.13",
    ),
    "AutoInt": (
        "0.5099 0.5091 0.5128 0.4681 0.4945 0.5011",
        "0.5080 0.5079 0.5112 0.4739 0.6053 0.5452",
        "-0.38 -0.24 -0.33 1.25 22.41 8.80",
    ),
}

# Table 6: logloss, laid out as Table 3. The second Base row of DCNV2 is printed as "orig".
TABLE_6 = {
    ("DCNV2", "✗"): {
        "Base": "0.5095 0.5095 0.5115 0.5110 0.5091 0.5829",
        "FT": "0.5037 (-1.14) 0.5032 (-1.24) 0.5075 (-0.77) 0.4983 (-2.49) 0.497 (-2.38) 0.5325 (-8.64)",
        "TS": "0.5064 (-0.6) 0.5069 (-0.51) 0.5102 (-0.25) 0.5031 (-1.55) 0.5076 (-0.29) 0.5286 (-9.31)",
    },
    ("DCNV2", "✓"): {
        "Base": "0.4082 0.4129 0.4138 0.4021 0.4615 0.5070",
        "FT": "0.4012 (-1.72) 0.4009 (-2.92) 0.4101 (-0.87) 0.4209 (4.68) 0.4149 (-10.11) 0.4825 (-4.84)",
        "TS": "0.4103 (0.52) 0.4058 (-1.73) 0.4151 (0.31) 0.4262 (6) 0.416 (-9.86) 0.464 (-8.48)",
    },
    ("AutoInt", "✗"): {
        "Base": "0.5099 0.5091 0.5128 0.4681 0.4945 0.5011",
        "FT": "0.5071 (-0.56) 0.5059 (-0.64) 0.5084 (-0.86) 0.4696 (0.33) 0.4918 (-0.55) 0.4992 (-0.37)",
        "TS": "0.508 (-0.38) 0.5079 (-0.24) 0.5112 (-0.33) 0.4739 (1.25) 0.6053 (22.41) 0.5452 (8.8)",
    },
    ("AutoInt", "✓"): {
        "Base": "0.4139 0.4109 0.4132 0.3914 0.4257 0.4027",
        "FT": "0.4116 (-0.54) 0.4094 (-0.37) 0.4224 (2.22) 0.3968 (1.38) 0.4173 (-1.97) 0.4062 (0.87)",
        "TS": "0.4199 (1.47) 0.4034 (-1.84) 0.4293 (3.9) 0.4042 (3.27) 0.607 (42.58) 0.4886 (21.33)",
    },
    ("FinalMLP", "✗"): {
        "Base": "0.5079 0.5083 0.5090 0.4980 0.5051 0.5143",
        "FT": "0.5061 (-0.35) 0.506 (-0.45) 0.5074 (-0.32) 0.4933 (-0.95) 0.5046 (-0.11) 0.511 (-0.63)",
        "TS": "0.5077 (-0.03) 0.5071 (-0.23) 0.5086 (-0.09) 0.4917 (-1.27) 0.5046 (-0.11) 0.5118 (-0.48)",
    },
    ("FinalMLP", "✓"): {
        "Base": "0.4129 0.4079 0.4159 0.4109 0.4074 0.4029",
        "FT": "0.4095 (-0.81) 0.4076 (-0.06) 0.4097 (-1.51) 0.4072 (-0.89) 0.4087 (0.33) 0.4026 (-0.07)",
        "TS": "0.4116 (-0.31) 0.4102 (0.57) 0.4161 (0.04) 0.4078 (-0.75) 0.4083 (0.23) 0.3959 (-1.73)",
    },
}

# Table 7: dataset, TrRM mark, k | as Table 1.
TABLE_7 = {
    ("ML-1M", "✓", 1): "6.0K 165.6 3.7K 269.9 1.0M 4.47",
    ("ML-1M", "✗", 19): "5.7K 128.6 2.9K 251.4 0.7M 4.44",
    ("ML-1M", "✓", 3): "6.0K 165.6 3.5K 285.5 1.0M 4.72",
    ("ML-1M", "✗", 22): "5.4K 133.1 2.8K 256.5 0.72M 4.74",
    ("Yelp2022", "✓", 3): "0.5M 9.8 0.14M 36.2 5.2M 0.01",
    ("Yelp2022", "✗", 3): "0.5M 9.2 0.14M 32.0 4.5M 0.01",
    ("Yelp2022", "✓", 6): "0.2M 17.9 96K 40.3 3.8M 0.02",
    ("Yelp2022", "✗", 6): "0.2M 16.8 89K 36.3 3.2M 0.02",
}

# Table 8: AUC; four rows a model: TrRM retained, removed, retained, removed. Of each row k on ML-1M, Base and TS evaluated
# with middle ratings ("-" where trained without), Base and TS evaluated without them, and the same on Yelp2022.
TABLE_8 = {
    "DCNV2": (
        "1 82.00 82.12 (0.14) 89.44 89.55 (0.11) | 3 81.65 80.3 (-1.66) 86.35 85.72 (-0.72)",
        "19 - - 90.15 90.34 (0.21) | 3 - - 88.14 86.96 (-1.33)",
        "3 82.20 82.33 (0.16) 89.57 89.69 (0.14) | 6 80.48 79.19 (-1.61) 85.73 84.55 (-1.38)",
        "22 - - 90.14 90.21 (0.08) | 6 - - 86.26 85.83 (-0.49)",
    ),
    "FinalMLP": (
        "1 81.95 81.97 (0.03) 89.35 89.38 (0.04) | 3 79.82 79.87 (0.06) 84.63 84.82 (0.23)",
        "19 - - 90.22 90.32 (0.11) | 3 - - 85.90 85.75 (-0.17)",
        "3 82.18 82.21 (0.03) 89.50 89.55 (0.06) | 6 78.18 78.27 (0.12) 83.12 83.4 (0.33)",
        "22 - - 90.26 90.4 (0.16) | 6 - - 84.56 84.48 (-0.09)",
    ),
    "GDCNP": (
        "1 81.86 82.15 (0.35) 89.27 89.58 (0.35) | 3 81.38 81.63 (0.31) 86.37 86.69 (0.37)",
        "19 - - 90.04 90.34 (0.33) | 3 - - 86.70 87.1 (0.47)",
        "3 82.07 82.33 (0.32) 89.38 89.7 (0.35) | 6 79.39 80.04 (0.83) 84.51 85.24 (0.86)",
        "22 - - 90.11 90.39 (0.31) | 6 - - 85.58 86.16 (0.68)",
    ),
    "AutoInt": (
        "1 81.93 81.96 (0.04) 89.34 89.38 (0.04) | 3 82.06 81.57 (-0.6) 86.95 86.56 (-0.45)",
        "19 - - 90.13 90.19 (0.06) | 3 - - 87.09 86.97 (-0.14)",
        "3 82.11 82.17 (0.08) 89.47 89.56 (0.11) | 6 79.88 78.96 (-1.15) 85.08 84.3 (-0.92)",
        "22 - - 90.14 90.21 (0.08) | 6 - - 85.35 85.85 (0.59)",
    ),
}

# Numbers and marks that the prose states, by section and subject; round counts are written with K and M.
TEXT: dict[tuple[str, str], str] = {
    ("4.1", "MovieLens-1M ratings"): "1M",
    ("4.1", "MovieLens-1M users"): "6K",
    ("4.1", "MovieLens-1M movies"): "4K",
    ("4.1", "models"): "6",
    ("4.2", "experiments"): "36",
    ("4.2", "beneficial"): "27",
    ("4.2", "considerable"): "3",
    ("4.2", "inferior"): "6",
    ("4.2", "dense experiments"): "18",
    ("4.2", "dense gains"): "16",
    ("4.2", "dense average gain"): "0.18",
    ("4.2", "dense remaining"): "2",
    ("4.2", "dense fluctuation"): "0.05",
    ("4.2", "sparse gains"): "11",
    ("4.2", "sparse experiments"): "16",
    ("4.3", "mark of the complete test set"): "✗",
    ("4.3", "FT over TS"): "0.22",
    ("4.3", "FT over TS, ML-1M"): "0.11",
    ("4.3", "FT over TS, Yelp2022"): "0.33",
    ("4.3", "AutoInt, k = 3"): "0.22",
    ("4.3", "FinalMLP, k = 10"): "0.13 0.12",
    ("4.3", "marks compared"): "✓ ✓",
    ("4.3", "difference, ML-1M"): "0.03",
    ("4.3", "difference, Yelp2022"): "0.29",
    ("4.4", "low-active decrement"): "6.9",
    ("4.4", "highly-active decrement"): "1.4",
    ("caption of Table 3", "marks"): "✓ ✓",
    ("Table 6", "label of DCNV2's second Base row"): "orig",
}

CORES = (3, 6, 10)
CELL = re.compile(r"(?P<value>-?[\d.]+[KM]?|-)(?: \((?P<change>-?[\d.]+)\))?")
STATISTICS = ("users", "interactions_per_user", "items", "interactions_per_item", "interactions", "density_percent")


def table(number: int) -> pd.DataFrame:
    """Return one of the paper's tables, one row a cell.

    Columns: table, dataset, k and, where the table has them, model, tier (Base, FT, TS), group (Table 4), statistic
    (Tables 1 and 7), trained and evaluated ("all" or "middle removed"), printed_mark; then printed, the cell's text,
    value (AUC in percent, logloss in nats, or a count; NaN for "-") and, but in Tables 1 and 7, change_percent, the printed
    relative change to Base (NaN for Base).

    Raises:
        ParameterError: the paper has no such table.
    """
    if number not in READERS:
        raise ParameterError(f"the paper has tables 1 to {max(READERS)}: there is no table {number!r}.")
    frame = pd.DataFrame(READERS[number]()).dropna(axis="columns", how="all")
    frame.insert(0, "table", number)
    return frame


def place(row: pd.Series) -> str:
    """Return where a row of :func:`table` stands in the paper, to name a cell in a sentence."""
    names = {"dataset": "", "k": "k = ", "model": "", "group": "", "statistic": "", "tier": "", "trained": "trained: ", "evaluated": "evaluated: "}  # fmt: skip
    named = [f"{before}{row[name]}" for name, before in names.items() if name in row and pd.notna(row[name])]
    return f"Table {row['table']}: {', '.join(named)}"


def recomputed_statistics(number: int) -> pd.DataFrame:
    """Return Table 1's or 7's averages and densities beside what their own counts give.

    Columns: dataset, k, (trained,) statistic, printed (a number), possible_low and possible_high (from every count that would
    be rounded as it is printed), agrees.
    """
    frame = table(number)
    half = frame["printed"].map(half_unit)
    frame = frame.assign(low=frame["value"] - half, high=frame["value"] + half)
    keys = [name for name in ("dataset", "k", "trained") if name in frame]
    wide = frame.pivot(index=keys, columns="statistic", values=["value", "low", "high"])
    ratios = {
        "interactions_per_user": ("interactions", "users", None),
        "interactions_per_item": ("interactions", "items", None),
        "density_percent": ("interactions", "users", "items"),
    }
    found = []
    for statistic, (above, *below) in ratios.items():
        below = [name for name in below if name]
        scale = 100 if statistic == "density_percent" else 1
        low = scale * wide["low"][above] / wide["high"][below].prod(axis=1)
        high = scale * wide["high"][above] / wide["low"][below].prod(axis=1)
        agrees = (wide["low"][statistic] <= high) & (wide["high"][statistic] >= low)
        columns = {"printed": wide["value"][statistic], "possible_low": low, "possible_high": high, "agrees": agrees}
        found.append(pd.DataFrame(columns).assign(statistic=statistic).reset_index())
    return pd.concat(found, ignore_index=True)


def half_unit(printed: str) -> float:
    """Return half a unit of the last printed place of a number: 50 for "3.5K"."""
    digits = printed.rstrip("KM")
    places = len(digits.partition(".")[2])
    return 0.5 * 10.0**-places * {"K": 1e3, "M": 1e6}.get(printed[-1], 1.0)


def with_base(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of FT and TS beside their Base: columns ``base``, ``absolute`` (value - base), ``relative_percent``."""
    keys = [name for name in ("table", "dataset", "k", "model", "group", "trained", "evaluated") if name in frame]
    base = frame[frame["tier"] == "Base"].set_index(keys)["value"].rename("base")
    joined = frame[frame["tier"] != "Base"].join(base, on=keys)
    absolute = joined["value"] - joined["base"]
    return joined.assign(absolute=absolute, relative_percent=100 * absolute / joined["base"])


def recomputed_changes(number: int) -> pd.DataFrame:
    """Return Table 2's to 6's and 8's printed relative changes beside those that their own cells give.

    Cells are rounded, so the true change lies in an interval: ``possible_low`` to ``possible_high``, in percent, and
    ``agrees`` says whether some change in it would be printed as it is.
    """
    joined = with_base(table(number)).dropna(subset=["value", "change_percent"])
    half = {5: 5e-5, 6: 5e-5}.get(number, 5e-3)  # half a unit of the last place of a cell
    low = 100 * ((joined["value"] - half) / (joined["base"] + half) - 1)
    high = 100 * ((joined["value"] + half) / (joined["base"] - half) - 1)
    slack = 5e-3 + 1e-9
    agrees = joined["change_percent"].between(low - slack, high + slack)
    return joined.assign(possible_low=low, possible_high=high, agrees=agrees)


def repeated_cells() -> pd.DataFrame:
    """Return every value that two AUC tables (2, 3, 4, 8) or two logloss tables (5, 6) give for the same thing.

    Columns: dataset, k, model, tier, evaluated, first and second (table numbers), value_first, value_second, equal.
    """
    keys = ["dataset", "k", "model", "tier", "evaluated"]
    frames = {number: headline(table(number)).set_index(keys)["value"] for number in (2, 3, 4, 5, 6, 8)}
    pairs = [(2, 3), (2, 4), (2, 8), (3, 4), (3, 8), (4, 8), (5, 6)]
    found = []
    for first, second in pairs:
        joined = pd.concat([frames[first], frames[second]], axis=1, join="inner", keys=["value_first", "value_second"])
        found.append(joined.reset_index().assign(first=first, second=second))
    both = pd.concat(found, ignore_index=True)
    return both.assign(equal=both["value_first"] == both["value_second"])


def headline(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of all users and of models trained on all ratings."""
    if "group" in frame:
        frame = frame[frame["group"] == "Overall"]
    if "trained" in frame:
        frame = frame[frame["trained"] == "all"]
    return frame.dropna(subset=["value"])


def cells(text: str) -> list[dict]:
    """Return the printed cells of one line, with value and change as numbers (NaN where the cell is "-")."""
    return [
        {
            "printed": found.group(0),
            "value": number(found["value"]),
            "change_percent": number(found["change"] or "-"),
        }
        for found in CELL.finditer(text)
    ]


def number(text: str) -> float:
    """Return a printed number, K and M counted, and NaN for "-"."""
    if text == "-":
        return float("nan")
    scale = {"K": 1e3, "M": 1e6}.get(text[-1], 1.0)
    return round(float(text.rstrip("KM")) * scale, 6)


def statistics_rows(source: dict) -> Iterator[dict]:
    """Yield the cells of Tables 1 and 7."""
    for key, text in source.items():
        dataset, k = key[0], key[-1]
        trained = {"trained": retained(key[1]), "printed_mark": key[1]} if len(key) == 3 else {}
        for statistic, cell in zip(STATISTICS, cells(text), strict=True):
            yield {"dataset": dataset, "k": k} | trained | {"statistic": statistic} | cell


def table_2_rows() -> Iterator[dict]:
    for (dataset, model), tiers in TABLE_2.items():
        for tier, text in zip(("Base", "TS"), tiers, strict=True):
            for k, cell in zip(CORES, cells(text), strict=True):
                yield {"dataset": dataset, "k": k, "model": model, "tier": tier, "evaluated": "all"} | cell


def tiers_rows(source: dict, whole: str) -> Iterator[dict]:
    """Yield the cells of Tables 3 and 6; ``whole`` is the mark that goes with the whole test split there."""
    columns = [(dataset, k) for dataset in DATASETS for k in CORES]
    for (model, mark), tiers in source.items():
        evaluated = "all" if mark == whole else "middle removed"
        for tier, text in tiers.items():
            for (dataset, k), cell in zip(columns, cells(text), strict=True):
                keys = {"dataset": dataset, "k": k, "model": model, "tier": tier}
                yield keys | {"evaluated": evaluated, "printed_mark": mark} | cell


def table_4_rows() -> Iterator[dict]:
    columns = [(model, tier) for model in ("DCNV2", "AutoInt", "FinalMLP") for tier in ("Base", "FT", "TS")]
    for (dataset, group), text in TABLE_4.items():
        k = 6 if dataset == "ML-1M" else 10
        for (model, tier), cell in zip(columns, cells(text), strict=True):
            yield {"dataset": dataset, "k": k, "model": model, "tier": tier, "group": group, "evaluated": "all"} | cell


def table_5_rows() -> Iterator[dict]:
    columns = [(dataset, k) for dataset in DATASETS for k in CORES]
    for model, (base, scratch, changes) in TABLE_5.items():
        lines = zip(columns, cells(base), cells(scratch), cells(changes), strict=True)
        for (dataset, k), base_cell, cell, change in lines:
            keys = {"dataset": dataset, "k": k, "model": model, "evaluated": "all"}
            yield keys | {"tier": "Base"} | base_cell
            yield keys | {"tier": "TS"} | cell | {"change_percent": change["value"]}


def table_8_rows() -> Iterator[dict]:
    columns = [(evaluated, tier) for evaluated in ("all", "middle removed") for tier in ("Base", "TS")]
    for model, lines in TABLE_8.items():
        for mark, line in zip("✓✗✓✗", lines, strict=True):
            for dataset, half in zip(DATASETS, line.split(" | "), strict=True):
                k, rest = half.split(" ", 1)
                keys = {
                    "dataset": dataset,
                    "k": int(k),
                    "model": model,
                    "trained": retained(mark),
                    "printed_mark": mark,
                }
                for (evaluated, tier), cell in zip(columns, cells(rest), strict=True):
                    yield keys | {"evaluated": evaluated, "tier": tier} | cell


def retained(mark: str) -> str:
    """Return which ratings a TrRM mark keeps in training."""
    return "all" if mark == "✓" else "middle removed"


READERS: dict[int, Callable[[], Iterator[dict]]] = {
    1: lambda: statistics_rows(TABLE_1),
    2: table_2_rows,
    3: lambda: tiers_rows(TABLE_3, whole="✓"),
    4: table_4_rows,
    5: table_5_rows,
    6: lambda: tiers_rows(TABLE_6, whole="✗"),
    7: lambda: statistics_rows(TABLE_7),
    8: table_8_rows,
}


def activity_groups(tiers: tuple[str, ...] = ("FT", "TS")) -> pd.DataFrame:
    """Return Table 4's groups (Low, Mid, High) with their Base: what Figure 5 is drawn from.

    Columns: dataset, k, model, tier, group, base and value (AUC in percent), absolute and relative_percent.
    """
    joined = with_base(table(4))
    kept = joined["tier"].isin(tiers) & joined["group"].isin(GROUPS[1:])
    return joined.loc[kept, ["dataset", "k", "model", "tier", "group", "base", "value", "absolute", "relative_percent"]].reset_index(drop=True)  # fmt: skip


def recomputed_variances() -> pd.DataFrame:
    """Return Table 4's printed Var(L,M,H) beside the sample variance that its cells give, in percent squared.

    ``possible_low`` and ``possible_high`` bound what the unrounded cells can give; ``agrees`` whether the printed one can be
    among that.
    """
    frame = table(4)
    keys = ["dataset", "k", "model", "tier"]
    printed = frame[frame["group"] == "Var"].set_index(keys)["value"].rename("printed")
    wide = frame[frame["group"].isin(GROUPS[1:])].pivot(index=keys, columns="group", values="value")
    corners = np.stack(np.meshgrid(*[[-5e-3, 0, 5e-3]] * 3), axis=-1).reshape(-1, 3)
    moved = (wide[["Low", "Mid", "High"]].to_numpy()[:, None, :] + corners).var(axis=2, ddof=1)
    found = wide.join(printed).assign(recomputed=wide.var(axis=1, ddof=1))
    found["possible_low"], found["possible_high"] = moved.min(axis=1), moved.max(axis=1)
    found["agrees"] = found["printed"].between(found["possible_low"] - 5e-3, found["possible_high"] + 5e-3)
    return found.reset_index()
