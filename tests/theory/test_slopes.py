from itertools import pairwise

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from mpmath import iv

from ctrnb.errors import ConfigError
from ctrnb.theory import slopes
from ctrnb.theory.activations import ACTIVATIONS, activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_constants_follow_from_the_formulas_by_two_routes(name: str) -> None:
    constant = ACTIVATIONS[name].constant
    assert float(slopes.slope_supremum(name)) == pytest.approx(constant, rel=1e-14)
    enclosed = slopes.slope_enclosure(name, cells=256)
    assert enclosed.lower <= constant <= enclosed.upper < constant + 0.05


def test_gelus_constant_by_hand() -> None:
    """GELU's slope F(x) + x F'(x) is steepest where F''(x) x + 2 F'(x) = F'(x) (2 - x^2) = 0, at sqrt(2)."""
    x = torch.tensor(2.0, dtype=torch.float64).sqrt().requires_grad_()
    torch.nn.functional.gelu(x).backward()
    assert ACTIVATIONS["gelu"].constant == pytest.approx(x.grad.item()) and x.grad.item() == pytest.approx(
        1.1289, abs=5e-5
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_autograds_and_peaks_are_where_they_say(name: str) -> None:
    entry = ACTIVATIONS[name]
    x = torch.linspace(-6, 6, 997, dtype=torch.float64, requires_grad=True)
    entry.function(x).sum().backward()
    np.testing.assert_allclose(entry.slope(x.detach().numpy()), x.grad.numpy(), atol=1e-12)
    assert x.grad.abs().max() <= entry.constant + 1e-12
    low, high = entry.peak
    inside = np.clip([low, high], -3, 3) + (1e-9 if low < high else 0)
    np.testing.assert_allclose(entry.slope(inside), entry.constant)


def test_a_constant_that_is_too_small_lies_outside_the_enclosure() -> None:
    assert slopes.slope_enclosure("sigmoid", cells=256).lower > 0.24
    assert slopes.slope_enclosure("gelu", cells=512).lower > 1.1


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'relu'"):
        activation("relus")


CELLS = [(-6.0, -5.5), (-2.0, -1.0), (-0.5, 0.0), (-0.25, 0.5), (0.0, 0.5), (1.0, 1.25), (4.0, 6.0)]


@pytest.mark.parametrize("name", slopes.SLOPES)
@pytest.mark.parametrize("cell", CELLS)
def test_a_cells_interval_holds_its_slopes_and_little_else(name: str, cell: tuple[float, float]) -> None:
    """It reaches beyond the slopes in the closed cell by at most what the width of the cell explains."""
    found = slopes.SLOPES[name](iv.mpf(cell))
    low, high = float(found.a), float(found.b)
    inside = ACTIVATIONS[name].slope(np.linspace(*cell, 501))
    assert low <= inside.min() + 1e-12 and high >= inside.max() - 1e-12
    if name in ("identity", "relu", "leaky_relu") and 0.0 not in cell:
        assert (low, high) == pytest.approx((inside.min(), inside.max()))
    assert high - low <= 3 * (inside.max() - inside.min()) + (1 if name.endswith("relu") and 0.0 in cell else 0.3)


def test_a_hull_is_the_smallest_interval_that_holds_both() -> None:
    for one, two in (([1, 2], [5, 6]), ([5, 6], [1, 2]), ([1, 6], [2, 5])):
        found = slopes.hull(iv.mpf(one), iv.mpf(two))
        assert (float(found.a), float(found.b)) == (1, 6)


def test_gelus_cells_hold_its_slopes() -> None:
    edges = [-3 + n / 8 for n in range(49)]
    for (low, high), found in zip(pairwise(edges), slopes.gelu_slopes(edges), strict=True):
        inside = ACTIVATIONS["gelu"].slope(np.linspace(low, high, 51))
        assert float(found.a) <= inside.min() and inside.max() <= float(found.b)
        assert float(found.b) - float(found.a) < 0.45


def test_gelus_cells_hold_every_sum_of_a_distribution_and_a_density_in_them() -> None:
    """F(x) + y F'(z) for any x, y and z of a cell, since each is enclosed on its own; and little more at fine cells."""
    edges = [n / 16 for n in range(-64, 65)]
    for (low, high), found in zip(pairwise(edges), slopes.gelu_slopes(edges), strict=True):
        ends = [mpmath.ncdf(x) + y * mpmath.npdf(z) for x in (low, high) for y in (low, high) for z in (low, high)]
        assert float(found.a) <= min(ends) + 1e-15 and max(ends) - 1e-15 <= float(found.b)
        assert float(found.b) - float(found.a) <= max(ends) - min(ends) + 0.4 / 16, "F is summed over cells"


def test_a_finer_enclosure_is_tighter_and_still_holds_the_constant() -> None:
    for name in ("tanh", "sigmoid", "gelu"):
        coarse, fine = (slopes.slope_enclosure(name, cells=cells, reach=4.0) for cells in (64, 512))
        assert coarse.lower < fine.lower <= ACTIVATIONS[name].constant <= fine.upper < coarse.upper
    short = slopes.slope_enclosure("gelu", cells=64, reach=1.0)
    assert short.upper < ACTIVATIONS["gelu"].constant, "GELU's steepest place lies beyond 1"


def test_falling_slopes_are_as_steep_as_rising_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supremum and the enclosure are those of |sigma'|."""
    monkeypatch.setitem(slopes.PIECES, "falling", ((-2 * slopes.Z, sp.S.Reals),))
    monkeypatch.setitem(slopes.SLOPES, "falling", lambda x: iv.mpf([-2, -1]))
    assert slopes.slope_supremum("falling") == 2
    found = slopes.slope_enclosure("falling", cells=4)
    assert (found.lower, found.upper) == (1, 2)


@pytest.mark.parametrize("name", slopes.PIECES)
def test_pieces_are_the_activation_and_cover_the_line(name: str) -> None:
    pieces = slopes.PIECES[name]
    assert sp.Union(*[interval for _, interval in pieces]) == sp.S.Reals
    for formula, interval in pieces:
        for at in [each for each in (-3.0, -0.5, -0.01, 0.0, 0.01, 0.5, 3.0) if interval.contains(each)]:
            expected = ACTIVATIONS[name].function(torch.tensor(at, dtype=torch.float64)).item()
            assert float(formula.subs(slopes.Z, at)) == pytest.approx(expected, abs=1e-12)
