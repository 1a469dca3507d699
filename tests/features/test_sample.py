"""The made-up CRM: the same each time, with its traps, its counted dirt and its planted causes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.canonical import TIME
from features.config import read_config
from features.sample import Sample, make_sample, true_win_probability, write_sample
from features.sample.behaviour import week_of_activities, with_memory
from features.sample.causes import EFFECTS
from features.sample.columns import take
from features.sample.deals import Deals
from features.sample.setting import CONFIG, END, LOST, STAGES, WON
from features.tables import ACTIVITY_KINDS, TABLES, Kind

END_TIME = pl.lit(END, dtype=pl.Int64).cast(TIME)
MET = pl.col("kind").is_in(["meeting", "visit", "demo"])


def share(values: pl.Series) -> float:
    """The mean of a column of truths or numbers."""
    return float(values.to_numpy().mean())


@pytest.fixture(scope="module")
def sample() -> Sample:
    return make_sample(500, seed=3)


@pytest.fixture(scope="module")
def closed(sample: Sample) -> pl.DataFrame:
    """One row per closed deal: won, weeks open."""
    deals = sample.data["opportunities"].filter(pl.col("outcome").is_not_null())
    weeks = (pl.col("closed_at") - pl.col("created_at")).dt.total_seconds() / (7 * 86_400)
    return deals.with_columns(weeks=weeks, won=pl.col("outcome") == "won")


@pytest.fixture(scope="module")
def touches(sample: Sample) -> pl.DataFrame:
    """One row per activity of a closed deal, with the deal's close and the contact's role."""
    deals = sample.data["opportunities"].select("opportunity_id", "closed_at", won=pl.col("outcome") == "won")
    roles = sample.data["contacts"].select("contact_id", "role")
    joined = sample.data["activities"].join(deals, on="opportunity_id")
    return joined.filter(pl.col("closed_at").is_not_null()).join(roles, on="contact_id", how="left")


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_same_number_and_seed_give_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    for name in ("first", "second"):
        write_sample(make_sample(60, seed=5), tmp_path / name, format=file_format)  # type: ignore[arg-type]
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}
    assert first == second
    assert set(first) == {f"{name}.{file_format}" for name in TABLES} | {"pipeline.toml", "CAUSES.md"}


def test_another_seed_gives_another_world(sample: Sample) -> None:
    other = make_sample(500, seed=4)
    for name in TABLES:
        assert not sample.data[name].equals(other.data[name]), name


def test_dirt_changes_nothing_in_the_clean_tables(sample: Sample) -> None:
    clean = make_sample(500, seed=3, dirt=False)
    assert clean.dirt == {}
    for name in TABLES:
        assert clean.data[name].equals(sample.data[name]), name
        assert clean.tables[name].height == clean.data[name].height


@pytest.mark.parametrize("opportunities", [1, 2, 7])
def test_a_tiny_world_has_all_its_deals(opportunities: int) -> None:
    assert make_sample(opportunities).data["opportunities"].height == opportunities


@pytest.mark.parametrize(("opportunities", "seed"), [(0, 0), (5, -1)])
def test_an_impossible_number_or_seed_is_refused(opportunities: int, seed: int) -> None:
    with pytest.raises(ValueError, match="opportunities must be >= 1 and seed >= 0"):
        make_sample(opportunities, seed)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_canonical_and_obeys_its_declaration(sample: Sample, name: str) -> None:
    frame = sample.data[name]
    assert frame.height > 0
    assert tuple(frame.columns) == tuple(sample.tables[name].columns) == TABLES[name].column_names
    assert frame.select(TABLES[name].key).is_duplicated().sum() == 0
    for column in TABLES[name].columns:
        values = frame[column.name].drop_nulls()
        assert not column.required or len(values) == frame.height, column.name
        assert not column.allowed or set(values.unique()) <= set(column.allowed), column.name
        assert column.minimum is None or (values >= column.minimum).all(), column.name
        if column.kind is Kind.REFERENCE and column.refers_to:
            known = sample.data[column.refers_to][TABLES[column.refers_to].key[0]]
            assert set(values.unique()) <= set(known), column.name


def test_the_configuration_written_is_the_one_read(sample: Sample, tmp_path: Path) -> None:
    write_sample(sample, tmp_path)
    assert read_config(tmp_path) == CONFIG == sample.config
    assert (tmp_path / "activities.csv").read_text().splitlines()[1].count("Z,") >= 1


def test_parquet_keeps_timestamps_where_dirt_lets_it(sample: Sample, tmp_path: Path) -> None:
    write_sample(sample, tmp_path, format="parquet")
    schema = pl.read_parquet_schema(tmp_path / "activities.parquet")
    assert schema["at"] == pl.String()
    assert schema["recorded_at"] == TIME


def test_the_shares_of_open_and_of_won_deals_are_those_of_a_firm(
    sample: Sample, closed: pl.DataFrame
) -> None:
    deals = sample.data["opportunities"]
    assert 0.13 < deals["outcome"].null_count() / deals.height < 0.22
    assert 0.28 < share(closed["won"]) < 0.40
    days = closed["weeks"] * 7
    assert 20 < days.quantile(0.25) < days.quantile(0.75) < 150 < days.quantile(0.99)  # type: ignore[operator]
    assert 25 < sample.data["activities"]["opportunity_id"].count() / deals.height < 40


def test_nothing_is_recorded_after_the_end_and_the_data_reach_it(sample: Sample) -> None:
    watermark = sample.data.watermark()
    assert END - 3 * 86_400_000_000 <= watermark <= END
    for name in ("opportunities", "accounts", "contacts", "leads"):
        facts = sample.data[name].select(pl.col(TIME).exclude("expected_close_at"))
        assert facts.select((pl.all() <= END_TIME).all()).row(0) == (True,) * facts.width, name


def test_each_deal_starts_in_the_first_stage_and_ends_where_it_closed(sample: Sample) -> None:
    moves = sample.data["stage_changes"].sort("opportunity_id", "at")
    ends = moves.group_by("opportunity_id", maintain_order=True).agg(
        first=pl.col("stage").first(), last=pl.col("stage").last(), at=pl.col("at").last()
    )
    deals = sample.data["opportunities"].join(ends, on="opportunity_id")
    assert set(deals["first"]) == {STAGES[0]}
    assert deals.filter(pl.col("outcome") == "won")["last"].unique().to_list() == [WON]
    assert deals.filter(pl.col("outcome") == "lost")["last"].unique().to_list() == [LOST]
    assert deals.filter(pl.col("closed_at").is_not_null() & (pl.col("closed_at") != pl.col("at"))).is_empty()


def test_meetings_are_typed_in_late_and_some_only_after_the_win(touches: pl.DataFrame) -> None:
    met = touches.filter(MET & (pl.col("recorded_at") >= pl.col("at")))
    delay = met["recorded_at"] - met["at"]
    assert share(delay.dt.total_hours() >= 1) > 0.7
    assert 0.02 < share(delay.dt.total_days() >= 7) < 0.2
    after = met.filter((pl.col("recorded_at") > pl.col("closed_at")) & (pl.col("at") < pl.col("closed_at")))
    assert after.filter("won").height > 20
    assert after.filter("won").height > after.filter(~pl.col("won")).height


def test_no_activity_but_a_plan_is_dated_after_the_close(touches: pl.DataFrame) -> None:
    late = touches.filter(pl.col("at") >= pl.col("closed_at"))
    assert late.height > 0
    assert late.filter(~MET | (pl.col("recorded_at") >= pl.col("closed_at"))).is_empty()


def test_planned_meetings_are_recorded_before_they_happen_and_tell_no_outcome(sample: Sample) -> None:
    planned = sample.data["activities"].filter(pl.col("recorded_at") < pl.col("at"))
    assert planned.height > 50
    assert planned["outcome"].null_count() == planned.height
    assert planned.filter(pl.col("at") > END_TIME).height > 0


def test_the_amount_of_lost_deals_is_overwritten_and_kept_in_the_history(sample: Sample) -> None:
    deals = sample.data["opportunities"]
    lost = deals.filter((pl.col("outcome") == "lost") & (pl.col("amount") == 0))
    assert 0.5 < lost.height / deals.filter(pl.col("outcome") == "lost").height < 0.7
    changes = sample.data["field_changes"].filter(pl.col("field") == "amount")
    rows = changes.join(lost.select("opportunity_id", "created_at", "closed_at"), on="opportunity_id")
    zero = rows.filter(pl.col("value").cast(pl.Float64) == 0)
    assert zero.height == lost.height
    assert zero.filter(pl.col("recorded_at") < pl.col("closed_at")).is_empty()
    assert rows.filter(pl.col("at") == pl.col("created_at"))["opportunity_id"].n_unique() == lost.height


def test_every_mutable_field_has_its_first_value_at_the_creation(sample: Sample) -> None:
    created = sample.data["opportunities"].select("opportunity_id", "created_at")
    first = sample.data["field_changes"].join(created, on="opportunity_id")
    first = first.filter((pl.col("at") == pl.col("created_at")) & (pl.col("recorded_at") == pl.col("at")))
    counts = dict(first["field"].value_counts().iter_rows())
    assert counts == dict.fromkeys(("amount", "expected_close_at", "rep_id"), created.height)


def test_an_order_of_a_won_deal_has_the_amount_that_overwrote_it(sample: Sample) -> None:
    orders = sample.data["orders"].join(sample.data["opportunities"], on="opportunity_id", suffix="_deal")
    assert orders.height > 100
    assert set(orders["outcome"]) == {"won"}
    assert orders["amount"].to_list() == orders["amount_deal"].to_list()
    assert orders.filter(pl.col("at") < pl.col("closed_at")).is_empty()


def test_the_dirt_counted_is_the_dirt_planted() -> None:
    sample = make_sample(500, seed=3)
    dirt, rows = sample.dirt["activities"], sample.tables["activities"]
    clean = sample.data["activities"]
    assert rows.is_duplicated().sum() == 2 * dirt["exact_repeat"]
    assert rows["activity_id"].is_duplicated().sum() == 2 * (dirt["exact_repeat"] + dirt["revision"])
    assert rows["at"].str.starts_with("31.02.").sum() == dirt["unparsable_time"]
    assert (rows["duration_s"] < 0).sum() == dirt["negative_duration"]
    assert (rows["kind"] == "carrier_pigeon").sum() == dirt["unknown_value"]
    unknown = rows.filter(
        ~pl.col("opportunity_id").is_in(sample.data["opportunities"]["opportunity_id"].implode())
    )
    assert unknown.height == dirt["unknown_reference"]
    assert (rows["outcome"] != rows["outcome"].str.to_lowercase()).sum() == dirt["letter_case"]
    assert 0.004 < sum(dirt.values()) / clean.height < 0.006
    assert all(count > 0 for rules in sample.dirt.values() for count in rules.values())


def test_a_revision_is_recorded_later_and_says_something_else(sample: Sample) -> None:
    rows = sample.tables["activities"].unique(maintain_order=True)
    pairs = rows.filter(pl.col("activity_id").is_duplicated())
    changed = pairs.group_by("activity_id", maintain_order=True).agg(
        pl.all().n_unique(), pl.len().alias("rows")
    )
    assert set(changed["rows"]) == {2}
    assert set(changed["duration_s"]) == set(changed["recorded_at"]) == {2}
    order = pairs.group_by("activity_id", maintain_order=True).agg(pl.col("recorded_at"))["recorded_at"]
    assert all(first < second for first, second in order.to_list())


def test_meetings_with_decision_makers_and_replies_go_with_wins(
    closed: pl.DataFrame, touches: pl.DataFrame
) -> None:
    decides = (MET & (pl.col("outcome") == "held") & (pl.col("role") == "decision_maker")).sum()
    replies = (pl.col("direction") == "inbound").sum()
    counts = touches.group_by("opportunity_id").agg(decides=decides, replies=replies)
    deals = closed.join(counts, on="opportunity_id", how="left").fill_null(0).filter(pl.col("weeks") > 6)
    met, unmet = deals.filter(pl.col("decides") >= 1), deals.filter(pl.col("decides") == 0)
    assert share(met["won"]) > share(unmet["won"]) + 0.2
    assert np.corrcoef(deals["replies"] / deals["weeks"], deals["won"])[0, 1] > 0.15


def test_call_volume_within_a_rep_does_not_go_with_wins(closed: pl.DataFrame, touches: pl.DataFrame) -> None:
    calls = touches.group_by("opportunity_id").agg(calls=(pl.col("kind") == "call").sum())
    deals = closed.join(calls, on="opportunity_id", how="left").fill_null(0).filter(pl.col("weeks") > 4)
    rate = pl.col("calls") / pl.col("weeks")
    within = deals.with_columns(
        rate=rate - rate.mean().over("rep_id"), won=pl.col("won") - pl.col("won").mean().over("rep_id")
    )
    assert abs(np.corrcoef(within["rate"], within["won"])[0, 1]) < 0.1
    volume = deals.group_by("rep_id").agg(rate=rate.mean())["rate"]
    assert volume.max() > 2 * volume.min()  # type: ignore[operator]


def test_a_deal_remembers_the_same_week_with_and_without_its_calls(sample: Sample) -> None:
    """Exact where a correlation is too weak: memory is the only way of activities to the hazards."""
    world = sample.world
    deals = take(world.states, world.states.week == 100)
    week = week_of_activities(deals, world.setting, np.random.default_rng(0))
    is_call = week.kind == ACTIVITY_KINDS.index("call")
    assert is_call.sum() > 10
    with_calls = with_memory(deals, week, world.setting)
    without = with_memory(deals, take(week, ~is_call), world.setting)
    for name in Deals.__dataclass_fields__:
        assert np.array_equal(getattr(with_calls, name), getattr(without, name)), name


def test_loss_reasons_go_with_their_causes(closed: pl.DataFrame, touches: pl.DataFrame) -> None:
    signs = touches.filter((pl.col("direction") == "inbound") | (pl.col("outcome") == "held"))
    last = signs.group_by("opportunity_id").agg(last=pl.col("at").max())
    lost = closed.filter(~pl.col("won")).join(last, on="opportunity_id", how="left")
    since = (pl.col("closed_at") - pl.coalesce("last", "created_at")).dt.total_days()
    silent = lost.group_by("loss_reason").agg(days=since.median(), rows=pl.len())
    days = dict(silent.select("loss_reason", "days").iter_rows())
    assert len(days) == 5
    assert days.pop("no_decision") > max(days.values()) + 7


def test_accounts_that_end_the_contract_complained_more_and_ordered_more_slowly(sample: Sample) -> None:
    accounts = sample.data["accounts"]
    ended = accounts.filter(pl.col("churned_at").is_not_null())
    customers = sample.data["orders"]["account_id"].n_unique()
    assert 0.1 < ended.height / customers < 0.3
    sent = sample.data["activities"].filter(
        (pl.col("kind") == "message") & pl.col("opportunity_id").is_null()
    )
    before = sent.join(ended, on="account_id").filter(
        pl.col("at") > pl.col("churned_at") - pl.duration(weeks=20)
    )
    usual = sent.height / customers / 130
    assert before.height / ended.height / 20 > 2 * usual
    orders = sample.data["orders"].join(ended, on="account_id")
    assert orders.filter(
        pl.col("opportunity_id").is_null() & (pl.col("at") > pl.col("churned_at"))
    ).is_empty()


def test_only_customers_order_and_after_a_win_from_the_win_on(sample: Sample) -> None:
    world, orders = sample.world, sample.data["orders"]
    from_start = sample.data["accounts"].filter(pl.Series(world.setting.accounts.customer_from_start))
    others = orders.filter(~pl.col("account_id").is_in(from_start["account_id"].implode()))
    wins = sample.data["opportunities"].filter(pl.col("outcome") == "won")
    first = wins.group_by("account_id").agg(first_win=pl.col("closed_at").min())
    won = others.join(first, on="account_id", how="left")
    assert won.height > 100
    # The rhythm runs by weeks, so an account's own order may come on an earlier day of the win's week.
    assert won["first_win"].null_count() == 0
    assert won.filter(pl.col("at") < pl.col("first_win").dt.truncate("1w")).is_empty()


def customers_at(sample: Sample, weeks_before_end: int) -> pl.DataFrame:
    """One row per running customer: complaints in the 90 days before, whether no order came in 90 after."""
    now, span = END_TIME - pl.duration(weeks=weeks_before_end), pl.duration(days=90)
    accounts = sample.data["accounts"]
    running = accounts.filter(pl.col("churned_at").is_null() | (pl.col("churned_at") > now))
    orders = sample.data["orders"].join(running.select("account_id"), on="account_id")
    ahead = (pl.col("at") > now) & (pl.col("at") <= now + span)
    customers = orders.group_by("account_id").agg(past=(pl.col("at") <= now).sum(), ahead=ahead.sum())
    complaint = (pl.col("kind") == "message") & pl.col("opportunity_id").is_null()
    recent = complaint & (pl.col("at") <= now) & (pl.col("at") > now - span)
    counts = sample.data["activities"].filter(recent).group_by("account_id").agg(complaints=pl.len())
    rows = customers.filter(pl.col("past") > 0).join(counts, on="account_id", how="left").fill_null(0)
    return rows.select("complaints", churned=pl.col("ahead") == 0)


def test_complaints_go_with_no_order_in_the_next_90_days(sample: Sample) -> None:
    rows = pl.concat([customers_at(sample, weeks) for weeks in range(13, 105, 13)])
    assert rows["churned"].sum() >= 15
    assert 0.02 < share(rows["churned"]) < 0.12
    churned, kept = rows.filter("churned")["complaints"], rows.filter(~pl.col("churned"))["complaints"]
    assert share(churned) > 1.8 * share(kept)


def test_the_true_hazards_add_up_to_what_happened(sample: Sample, closed: pl.DataFrame) -> None:
    truth = sample.truth
    hazards = truth.select("win_hazard", "lose_hazard", "advance_hazard", "back_hazard")
    assert hazards.min_horizontal().min() >= 0  # type: ignore[operator]
    assert hazards.sum_horizontal().max() <= 1  # type: ignore[operator]
    for hazard, happened in (("win_hazard", closed["won"].sum()), ("lose_hazard", (~closed["won"]).sum())):
        chance = truth[hazard].to_numpy()
        assert abs(chance.sum() - happened) < 3 * np.sqrt((chance * (1 - chance)).sum()), hazard


def test_the_true_win_probability_is_calibrated_and_tells_deals_apart(
    sample: Sample, closed: pl.DataFrame
) -> None:
    early = sample.truth.with_row_index("row").filter(pl.col("as_of").dt.year() == 2023)
    rows = early["row"].sample(400, seed=0)
    true = true_win_probability(sample, rows, draws=40).join(closed, on="opportunity_id")
    assert true.height > 390
    won, probability = true["won"].to_numpy(), true["win_probability"].to_numpy()
    assert abs(won.mean() - probability.mean()) < 0.07
    assert probability[won].mean() > probability[~won].mean() + 0.2


def test_causes_tell_every_effect_in_words(sample: Sample) -> None:
    for name in EFFECTS:
        assert f"| {name} |" in sample.causes
