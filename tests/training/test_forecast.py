"""Forecasts of a made-up firm: they add up, look at nothing later, and answer bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from features.canonical import CanonicalData
from features.config import PipelineConfig
from features.errors import DataError
from features.from_tables import history_from_tables
from features.times import DAY, WEEK, parse_instant
from training.dataset import Source
from training.errors import TooLittleData
from training.forecast.amounts import amounts_of
from training.forecast.arrivals import level_of, won_curve
from training.forecast.assemble import Asked, Models, forecast, forecast_on, ground_of
from training.forecast.baselines import baselines
from training.forecast.course import Course
from training.forecast.ledger import ledger_of
from training.forecast.periods import calendar
from training.hazard import train_close
from training.labels import Target
from training.run import Trained

AS_OF = parse_instant("2025-02-12T10:00:00Z")
ASKED = Asked(days=60, draws=400)


@pytest.fixture(scope="module")
def models(source: Source, trained: Mapping[Target, Trained]) -> Models:
    return Models(trained["win"].bundle, train_close(source, trained["win"]).bundle)


def test_weeks_months_quarters_and_teams_add_up_in_every_draw(data: CanonicalData, models: Models) -> None:
    made = forecast(data, AS_OF, models, replace(ASKED, by=("team_id",)))
    periods = made.calendar.periods
    for place, period in enumerate(periods):
        cells = [made.draws_of(place, np.array([i])) for i in range(len(made.cells))]
        assert (np.sum(cells, axis=0) == made.draws_of(place)).all(), period
    horizon = made.drawn.total()
    for kind in ("week", "month", "quarter"):
        parts = [made.drawn.total(steps=p.steps) for p in periods if p.kind == kind]
        assert (np.sum(parts, axis=0) == horizon).all()
    assert len(made.cells) > 1


def test_rows_add_up_too_and_the_deals_to_what_open_deals_bring(data: CanonicalData, models: Models) -> None:
    made = forecast(data, AS_OF, models, replace(ASKED, by=("team_id", "product")))
    frame = made.frame()
    parts = frame.select("booked", "open", "new").sum_horizontal()
    assert np.abs(frame["mean"].to_numpy() - parts.to_numpy()).max() < 1e-6
    whole = frame.filter(pl.col("team_id") == "(all)")
    cells = frame.filter(pl.col("team_id") != "(all)").group_by("period", "begin").agg(pl.col("mean").sum())
    both = whole.join(cells, on=["period", "begin"])
    assert np.abs(both["mean"].to_numpy() - both["mean_right"].to_numpy()).max() < 1e-6
    opened = whole.filter(pl.col("period") == "horizon")["open"].item()
    assert made.deals_frame()["mean"].sum() == pytest.approx(opened, abs=1e-6)
    assert (frame["p10"] <= frame["p50"]).all()
    assert (frame["p50"] <= frame["p90"]).all()


def test_the_whole_is_the_same_by_whatever_it_is_asked(data: CanonicalData, models: Models) -> None:
    one = forecast(data, AS_OF, models, ASKED)
    other = forecast(data, AS_OF, models, replace(ASKED, by=("rep_id",)))
    assert (one.drawn.open.sum(axis=0) == other.drawn.open.sum(axis=0)).all()


def test_what_is_recorded_later_changes_no_forecast(data: CanonicalData, models: Models) -> None:
    cut = data.known_at(AS_OF)
    now, live = (forecast(each, AS_OF, models, ASKED).frame() for each in (data, cut))
    assert now.equals(live)


def test_weeks_are_widened_by_their_own_factor_and_other_periods_by_theirs(
    data: CanonicalData, models: Models
) -> None:
    both = ("p10", "p50", "p90")
    asked = replace(ASKED, widening=2.0, week_widening=3.0)
    for drawn, wide in zip(
        forecast(data, AS_OF, models, ASKED).rows(), forecast(data, AS_OF, models, asked).rows(), strict=True
    ):
        factor = 3.0 if drawn["period"] == "week" else 2.0
        (low, middle, high), (wide_low, wide_middle, wide_high) = (
            [r[p] for p in both] for r in (drawn, wide)
        )
        assert wide_middle == middle
        assert wide_high - middle == pytest.approx(factor * (high - middle))
        assert wide_low == pytest.approx(max(middle - factor * (middle - low), drawn["booked"]))


def test_what_was_won_already_in_the_quarter_is_booked_and_no_range_goes_below_it(
    data: CanonicalData, models: Models
) -> None:
    made = forecast(data, AS_OF, models, replace(ASKED, widening=50.0))
    row = made.frame().filter(pl.col("period") == "quarter").row(0, named=True)
    deals = data["opportunities"].filter(
        (pl.col("outcome") == "won")
        & (pl.col("closed_at") >= pl.datetime(2025, 1, 1, time_zone="UTC"))
        & (pl.col("closed_at") <= pl.datetime(2025, 2, 12, 10, time_zone="UTC"))
    )
    assert row["booked"] == pytest.approx(deals["amount"].sum())
    assert row["booked"] > 0
    assert row["p10"] == row["booked"]


def test_a_deal_is_won_within_the_horizon_no_likelier_than_at_all(
    data: CanonicalData, models: Models
) -> None:
    deals = forecast(data, AS_OF, models, ASKED).deals
    assert (deals.within < deals.win).all()
    assert (deals.within > 0).all()


def test_the_course_of_a_quarter_moves_wins_among_weeks_and_leaves_the_win_probability(
    data: CanonicalData, models: Models
) -> None:
    ground = ground_of(data, AS_OF, models)
    steep = np.full(13, 0.5)
    steep[0] = 2.0
    even, made = (
        forecast_on(replace(ground, course=Course(factor, "UTC")), replace(ASKED, days=200))
        for factor in (np.ones(13), steep)
    )
    assert np.array_equal(made.deals.win, even.deals.win)
    assert (made.deals.within < made.deals.win).all()
    end = parse_instant("2025-04-01")
    looked_at = 0
    for more, less in zip(made.rows(), even.rows(), strict=True):
        if less["period"] == "week" and AS_OF < less["begin"] < end - 2 * WEEK:
            assert more["mean"] < 0.8 * less["mean"]
            looked_at += 1
        if less["period"] == "week" and less["begin"] < end - WEEK / 2 < less["end"]:
            assert more["mean"] > 1.2 * less["mean"]
            looked_at += 1
    assert looked_at == 6


def test_a_shared_shock_widens_the_range(data: CanonicalData, models: Models) -> None:
    narrow, wide = (
        forecast(data, AS_OF, models, replace(ASKED, shock=s)).quantiles(-1, levels=(0.1, 0.9))
        for s in (0.0, 0.6)
    )
    assert np.ptp(wide) > 1.3 * np.ptp(narrow)


def with_deals(data: CanonicalData, *columns: pl.Expr, config: PipelineConfig | None = None) -> CanonicalData:
    """The same data with other columns of the deals."""
    tables = MappingProxyType({**data.tables, "opportunities": data["opportunities"].with_columns(*columns)})
    return replace(data, tables=tables, config=config or data.config)


FIRST = pl.int_range(pl.len()) % 2 == 0


def test_mixed_currencies_are_refused_unless_one_is_named(data: CanonicalData, models: Models) -> None:
    column = pl.when(FIRST).then(pl.lit("USD")).otherwise(pl.lit("EUR")).alias("currency")
    mixed = with_deals(data, column, config=replace(data.config, currency=""))
    with pytest.raises(DataError, match=r"several currencies .*as `currency`"):
        forecast(mixed, AS_OF, models, ASKED)
    parts = [forecast(mixed, AS_OF, models, replace(ASKED, currency=c)) for c in ("USD", "EUR")]
    assert sum(len(p.deals.ids) for p in parts) == len(forecast(data, AS_OF, models, ASKED).deals.ids)
    assert "left out" in parts[0].notes[0]
    with pytest.raises(DataError, match="no deal is in CHF"):
        forecast(mixed, AS_OF, models, replace(ASKED, currency="CHF"))


def test_a_negative_or_missing_amount_counts_as_missing_and_is_said(data: CanonicalData) -> None:
    changed = with_deals(
        data, pl.when(FIRST).then(-pl.col("amount")).otherwise(pl.col("amount")).alias("amount")
    )
    history = history_from_tables(changed, models_conventions(data))
    ledger = ledger_of(changed, history)
    assert np.isnan(ledger.amount).sum() >= len(ledger.amount) // 2
    assert "negative amount" in ledger.notes[0]


def models_conventions(data: CanonicalData):  # type: ignore[no-untyped-def]
    from features.agreed import conventions_of

    return conventions_of(data)


def test_deals_that_show_no_amount_stand_for_what_won_deals_came_to(
    data: CanonicalData, models: Models
) -> None:
    changes = data["field_changes"].filter(pl.col("field") != "amount")
    blank = replace(data, tables=MappingProxyType({**data.tables, "field_changes": changes}))
    made = forecast(blank, AS_OF, models, ASKED)
    assert any("no amount" in note for note in made.notes)
    history = history_from_tables(blank.known_at(AS_OF), models.win.conventions)
    mean = amounts_of(history, ledger_of(blank.known_at(AS_OF), history), AS_OF).ratios[-1].mean()
    assert made.drawn.open.sum() / 400 / 100 == pytest.approx((made.deals.within * mean).sum(), rel=0.1)


def test_without_any_win_there_is_no_forecast(data: CanonicalData, models: Models) -> None:
    lost = with_deals(
        data,
        pl.when(pl.col("outcome") == "won")
        .then(pl.lit("lost"))
        .otherwise(pl.col("outcome"))
        .alias("outcome"),
    )
    with pytest.raises(TooLittleData, match="no deal was won"):
        forecast(lost, AS_OF, models, ASKED)


def test_a_team_without_a_deal_has_no_row_and_a_rep_without_a_team_has_one(
    data: CanonicalData, models: Models
) -> None:
    reps = data["reps"].with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(pl.col("team_id")).alias("team_id")
    )
    extra = reps.head(1).with_columns(pl.lit("R-new").alias("rep_id"), pl.lit("T-new").alias("team_id"))
    changed = replace(data, tables=MappingProxyType({**data.tables, "reps": pl.concat([reps, extra])}))
    made = forecast(changed, AS_OF, models, replace(ASKED, by=("team_id",)))
    assert ("(none)",) in made.cells
    assert ("T-new",) not in made.cells


def test_an_unknown_column_and_a_conditional_win_model_are_refused(
    data: CanonicalData, models: Models
) -> None:
    with pytest.raises(DataError, match=r"no such column .*team_id"):
        forecast(data, AS_OF, models, replace(ASKED, by=("colour",)))
    win = replace(models.win, policy=replace(models.win.policy, win_given_stage="Demo"))
    with pytest.raises(DataError, match="win_given_stage"):
        forecast(data, AS_OF, replace(models, win=win), ASKED)


def test_an_expected_close_before_the_creation_is_none_to_the_reps_baseline(data: CanonicalData) -> None:
    history = history_from_tables(data.known_at(AS_OF), models_conventions(data))
    ledger = ledger_of(data.known_at(AS_OF), history)
    from training.labels import LabelPolicy

    usual = baselines(history, ledger, AS_OF, AS_OF + 91 * DAY, LabelPolicy())
    early = data["field_changes"].with_columns(
        pl.when(pl.col("field") == "expected_close_at")
        .then(pl.lit("1999-01-01T00:00:00Z"))
        .otherwise(pl.col("value"))
        .alias("value")
    )
    wrong = replace(data, tables=MappingProxyType({**data.tables, "field_changes": early}))
    bent = history_from_tables(wrong.known_at(AS_OF), models_conventions(data))
    found = baselines(bent, ledger, AS_OF, AS_OF + 91 * DAY, LabelPolicy())
    assert usual["reps"] > usual["stage_weighted"] > 0
    assert found["reps"] == 0
    assert found["last_period"] == usual["last_period"] > 0


def test_days_begin_at_midnight_of_the_time_zone_and_periods_are_made_of_whole_steps() -> None:
    begin = parse_instant("2025-03-28T12:00:00Z")
    found = calendar(begin, begin + 20 * DAY, "Asia/Shanghai")
    april = next(p for p in found.periods if p.kind == "quarter" and p.begin > begin)
    assert april.begin == parse_instant("2025-03-31T16:00:00Z")
    assert not april.whole
    assert found.edges[0] == begin
    assert found.edges[april.steps.start] == april.begin
    weeks = [p for p in found.periods if p.kind == "week"]
    assert [w.steps.stop for w in weeks[:-1]] == [w.steps.start for w in weeks[1:]]


def test_the_level_of_arrivals_follows_a_steady_past_and_a_growing_one() -> None:
    steady = np.arange(0, 104 * WEEK, WEEK // 10)
    assert level_of(steady, 104 * WEEK, 70).per_day.sum() == pytest.approx(100, rel=0.05)
    growing = np.concatenate([w * WEEK + np.arange(10 + w // 4) * 1000 for w in range(104)])
    assert level_of(growing, 104 * WEEK, 70).per_day.sum() > 10 * 33
    assert level_of(np.zeros(0, np.int64), 104 * WEEK, 70).per_day.sum() == 0


def test_the_won_curve_counts_deals_still_open_as_at_risk_only_while_they_were_seen() -> None:
    created = np.array([0, 0, 0, 5]) * DAY
    closed = np.array([2 * DAY, 2 * DAY, np.iinfo(np.int64).max, np.iinfo(np.int64).max])
    won = np.array([True, False, False, False])
    curve = won_curve(created, closed, won, 6 * DAY, 5)
    assert curve == pytest.approx([0, 0, 1 / 6, 1 / 3, 1 / 3])
