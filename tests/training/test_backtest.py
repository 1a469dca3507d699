"""Measures of forecasts on literal numbers, the widening, and a small backtest."""

from __future__ import annotations

import numpy as np
import pytest

from features.canonical import CanonicalData
from features.times import DAY, WEEK, parse_instant
from training.forecast.assemble import Asked
from training.forecast.backtest import Plan, backtest, windows_of
from training.forecast.measures import measured, rolling_widening, wape, widening, wider

BANDS = np.array([[8.0, 9.0, 10.0, 11.0, 12.0]] * 4)


def test_the_figures_of_four_periods_by_hand() -> None:
    actual = np.array([10.0, 13.0, 8.5, 7.0])
    found = measured(BANDS, np.full(4, 11.0), actual, np.array([10.0, 10.0, 10.0, 10.0]) + 1)
    assert found.wape == pytest.approx((0 + 3 + 1.5 + 3) / 38.5)
    assert found.mase == pytest.approx(7.5 / (1 + 2 + 2.5 + 4))
    assert found.bias == pytest.approx((44 - 38.5) / 38.5)
    assert found.coverage_80 == 0.5
    assert found.coverage_50 == 0.25


def test_a_range_that_held_is_not_widened_and_one_that_was_too_narrow_is() -> None:
    bands = np.repeat(BANDS[:1], 20, axis=0)
    assert widening(bands, np.linspace(8.5, 11.5, 20)) == 1.0
    far = np.linspace(0.0, 20.0, 20)
    factor = widening(bands, far)
    shown = wider(bands, np.full(20, factor))
    held = (far >= shown[:, 0] - 1e-9) & (far <= shown[:, 4] + 1e-9)
    assert factor > 2
    assert held.mean() >= 0.8


def test_the_widening_of_a_date_knows_only_periods_that_were_over() -> None:
    bands = np.repeat(BANDS[:1], 20, axis=0)
    at = np.arange(20)
    found = rolling_widening(bands, np.full(20, 30.0), at, at + 5)
    assert (found[:12] == 1.0).all()
    assert (found[13:] > 5).all()


def test_a_baseline_that_says_nothing_of_a_period_is_judged_by_the_others() -> None:
    assert wape(np.array([np.nan, 8.0]), np.array([5.0, 10.0])) == pytest.approx(0.2)
    assert np.isnan(wape(np.array([np.nan]), np.array([5.0])))


def test_a_small_backtest_knows_what_came_and_nothing_of_it_before(data: CanonicalData) -> None:
    until = data.watermark()
    plan = Plan(steps=3, every=28, retrain=9, asked=Asked(days=42, draws=200))
    found = backtest(data, until, plan)
    assert found.at.tolist() == [until - (42 + 28 * back) * DAY for back in (2, 1, 0)]
    assert (found.trained == found.at[0]).all()
    assert found.apart == pytest.approx(56 / 42 + 1)
    deals = data["opportunities"].filter(outcome="won")
    closed = deals["closed_at"].to_physical().to_numpy()
    for at, actual in zip(found.at.tolist(), found.actual.tolist(), strict=True):
        inside = (closed >= at) & (closed < at + 42 * DAY)
        assert actual == pytest.approx(deals["amount"].to_numpy()[inside].sum())
    assert 0.5 < found.wins.sum() / found.came.sum() < 2
    assert set(found.metrics()) >= {"wape", "coverage_80", "baseline_last_period_wape"}
    assert len(found.to_dict()["windows"]) == 3
    assert len(found.to_dict()["weeks"]) == len(found.weeks.begin) == 3
    for at, begin, came in zip(found.at, found.weeks.begin, found.weeks.actual, strict=True):
        assert 0 <= begin - at < WEEK
        assert (begin // DAY + 3) % 7 == 0  # a Monday; these data are told in UTC
        inside = (closed >= begin) & (closed < begin + WEEK)
        assert came == pytest.approx(deals["amount"].to_numpy()[inside].sum())
    weeks = found.weeks.measured()
    assert weeks.periods == found.metrics()["week_periods"] == 3
    assert found.metrics()["week_widening"] == found.weeks.widening == 1.0  # three weeks tell nothing


def test_each_week_is_judged_once_and_weeks_of_which_nothing_came_have_no_shares(data: CanonicalData) -> None:
    plan = Plan(steps=4, every=3, retrain=9, asked=Asked(days=21, draws=100))
    found = backtest(data, data.watermark(), plan)
    days = (-(-at // DAY) for at in found.at.tolist())  # rounded up
    mondays = sorted({day + (4 - day) % 7 for day in days})  # 1 January 1970 was a Thursday
    assert len(mondays) == 2
    assert found.weeks.begin.tolist() == [day * DAY for day in mondays]
    nothing = measured(BANDS, np.full(4, 11.0), np.zeros(4), np.zeros(4))
    assert np.isnan([nothing.wape, nothing.mase, nothing.bias, nothing.pinball]).all()
    assert nothing.coverage_80 == 0.0


def test_calendar_windows_are_whole_and_touch_and_none_begins_before_the_data() -> None:
    until, first = parse_instant("2025-05-20"), parse_instant("2024-08-10")
    found = windows_of(Plan(steps=9, period="quarter"), until, first, "Europe/Amsterdam")
    assert [begin for begin, _ in found] == [
        parse_instant(text) for text in ("2024-09-30T22:00:00Z", "2024-12-31T23:00:00Z")
    ]
    assert found[0][1] == found[1][0]
    assert found[1][1] == parse_instant("2025-03-31T22:00:00Z")
    months = windows_of(Plan(steps=2, period="month"), until, first, "UTC")
    assert months == [
        (parse_instant("2025-03-01"), parse_instant("2025-04-01")),
        (parse_instant("2025-04-01"), parse_instant("2025-05-01")),
    ]


def test_a_backtest_of_months_judges_each_by_its_own_bookings(data: CanonicalData) -> None:
    until = data.watermark()
    found = backtest(data, until, Plan(steps=2, retrain=9, asked=Asked(draws=200), period="month"))
    windows = windows_of(Plan(steps=2, period="month"), until, 0, data.config.time_zone)
    assert found.at.tolist() == [begin for begin, _ in windows]
    assert (found.period, found.to_dict()["period"]) == ("month", "month")
    deals = data["opportunities"].filter(outcome="won")
    closed = deals["closed_at"].to_physical().to_numpy()
    for (begin, end), actual in zip(windows, found.actual.tolist(), strict=True):
        inside = (closed >= begin) & (closed < end)
        assert actual == pytest.approx(deals["amount"].to_numpy()[inside].sum())
