"""Monte Carlo over deals against full enumeration, and what holds exactly in every draw."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from features.errors import DataError
from features.times import FloatArray, IntArray
from training.forecast.draws import NewDeals, OpenDeals, Shock, draw, keys_of

DRAWS = 20_000
FARTHEST = 1.95 / np.sqrt(DRAWS)  # Kolmogorov and Smirnov: beyond it once in a thousand


@pytest.fixture
def ten() -> OpenDeals:
    """Ten deals of two cells over three steps; each amount may come out whole, half or doubled."""
    rng = np.random.default_rng(3)
    ends = np.array([0.05, 0.9, 0.3, 0.5, 0.7, 0.2, 0.6, 0.99, 0.1, 0.4])
    return OpenDeals(
        key=keys_of([f"d{i}" for i in range(10)]),
        curve=np.cumsum(rng.dirichlet(np.ones(3), 10), axis=1) * ends[:, None],
        cents=rng.integers(1, 40, 10) * 100_00,
        group=np.arange(10) % 2,
        ratios=np.array([[1.0, 0.5], [1.0, 2.0]]),
        cell=np.arange(10) // 5,
    )


def enumerated(deals: OpenDeals, steps: IntArray, shifts: tuple[float, ...]) -> dict[int, float]:
    """The exact distribution of the bookings in some steps: every deal's every way, multiplied out."""
    found: dict[int, float] = {}
    for shift in shifts:
        ways = []
        for i in range(len(deals.key)):
            ends = deals.curve[i, -1]
            shifted = ends * np.exp(shift) / (1 - ends + ends * np.exp(shift))
            inside = np.diff(deals.curve[i], prepend=0.0)[steps].sum() / ends * shifted
            amounts = np.rint(deals.cents[i] * deals.ratios[deals.group[i]]).astype(int)
            ways.append([(0, 1 - inside), *((int(a), inside / len(amounts)) for a in amounts)])
        for way in product(*ways):
            total = sum(amount for amount, _ in way)
            found[total] = found.get(total, 0.0) + float(np.prod([p for _, p in way])) / len(shifts)
    return found


def farthest(draws: IntArray, exact: dict[int, float]) -> float:
    """The greatest distance of two cumulative distributions."""
    values = np.array(sorted(exact))
    cumulative = np.cumsum([exact[v] for v in values.tolist()])
    return float(np.abs(np.searchsorted(np.sort(draws), values, "right") / len(draws) - cumulative).max())


@pytest.mark.parametrize("steps", [[0, 1, 2], [0], [1, 2]])
@pytest.mark.parametrize("shifts", [(0.0,), (-0.8, 0.8)])
def test_ten_deals_come_out_as_full_enumeration_says(
    ten: OpenDeals, steps: list[int], shifts: tuple[float, ...]
) -> None:
    some = np.array(steps)
    shared = Shock(shifts=np.resize(np.array(shifts), DRAWS))
    drawn = draw(ten, 2, shock=shared, draws=DRAWS, seed=11).total(steps=some)
    assert set(drawn.tolist()) <= set(enumerated(ten, some, shifts))
    assert farthest(drawn, enumerated(ten, some, shifts)) < FARTHEST


def test_the_test_of_enumeration_notices_a_chance_that_is_off_by_a_tenth(ten: OpenDeals) -> None:
    off = replace(ten, curve=ten.curve * 0.9)
    drawn = draw(off, 2, draws=DRAWS, seed=11).total()
    assert farthest(drawn, enumerated(ten, np.arange(3), (0.0,))) > FARTHEST


def test_a_shared_shock_widens_the_whole_and_leaves_its_middle(ten: OpenDeals) -> None:
    many = replicated(ten, 200)
    alone, shaken = (draw(many, 2, shock=Shock(s), draws=4_000).total() for s in (0.0, 0.5))
    assert shaken.std() > 3 * alone.std()
    assert np.median(shaken) == pytest.approx(np.median(alone), rel=0.02)


def test_every_level_is_the_sum_of_its_parts_in_every_draw(ten: OpenDeals) -> None:
    every = new_deals(cell=np.array([0, 1]))
    fine = draw(ten, 2, new=every, draws=500)
    whole = draw(
        replace(ten, cell=np.zeros(10, np.int64)), 1, new=new_deals(cell=np.zeros(2, np.int64)), draws=500
    )
    assert (fine.open.sum(axis=0) == whole.open[0]).all()
    assert (fine.new.sum(axis=0) == whole.new[0]).all()
    assert fine.by_deal.sum() == fine.open.sum()
    assert (whole.new > 0).any()


def test_draws_hang_on_the_seed_alone_and_not_on_threads_or_order(ten: OpenDeals) -> None:
    one, two = (draw(ten, 2, draws=333, threads=threads, seed=5) for threads in (1, 3))
    assert (one.open == two.open).all()
    back = np.arange(10)[::-1]
    turned = OpenDeals(
        ten.key[back], ten.curve[back], ten.cents[back], ten.group[back], ten.ratios, ten.cell[back]
    )
    assert (draw(turned, 2, draws=333, seed=5).open == one.open).all()
    assert (draw(ten, 2, draws=333, seed=6).open != one.open).any()


def test_a_deals_draws_are_the_same_whatever_other_deals_there_are(ten: OpenDeals) -> None:
    alone = OpenDeals(ten.key[:1], ten.curve[:1], ten.cents[:1], ten.group[:1], ten.ratios, ten.cell[:1])
    assert draw(alone, 1, draws=500).by_deal[0] == draw(ten, 2, draws=500).by_deal[0]


def test_new_deals_bring_what_was_expected_and_fall_where_they_may() -> None:
    drawn = draw(nobody(), 2, new=new_deals(cell=np.array([0, 1])), draws=4_000).new
    assert drawn.sum() / 4_000 == pytest.approx((2.0 + 0.5 + 1.0) * 200.0, rel=0.03)
    assert drawn[0].sum() / drawn.sum() == pytest.approx(0.25, abs=0.02)


def test_a_deal_that_cannot_be_won_books_nothing(ten: OpenDeals) -> None:
    never = replace(ten, curve=np.zeros((10, 3)))
    assert draw(never, 2, draws=200).total().max() == 0


def test_more_draws_than_memory_holds_are_refused(ten: OpenDeals) -> None:
    with pytest.raises(DataError, match="ask by fewer columns"):
        draw(ten, 1_000_000, draws=2_000)


def replicated(deals: OpenDeals, times: int) -> OpenDeals:
    """The same deals many times over, each with a key of its own."""
    return OpenDeals(
        keys_of([str(i) for i in range(len(deals.key) * times)]), np.tile(deals.curve, (times, 1)),
        np.tile(deals.cents, times), np.tile(deals.group, times), deals.ratios, np.tile(deals.cell, times),
    )  # fmt: skip


def new_deals(cell: IntArray) -> NewDeals:
    wins: FloatArray = np.array([2.0, 0.5, 1.0])
    return NewDeals(wins, 0.2, np.array([0.25, 0.75]), cell, np.array([0, 0]), np.array([[100, 300]]))


def nobody() -> OpenDeals:
    nothing = np.zeros(0, np.int64)
    return OpenDeals(keys_of([]), np.zeros((0, 3)), nothing, nothing, np.ones((1, 1)), nothing)
