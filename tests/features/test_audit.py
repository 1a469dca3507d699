"""The audit finds leaks that are there, finds none that are not, and tampers with the future alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.audit import AuditReport, Export, audit, frames
from features.audit.columns import mutable_columns
from features.audit.contradiction import contradictions
from features.audit.earlier import against_earlier
from features.audit.findings import Finding, Level
from features.audit.frames import Asked
from features.audit.future import Future
from features.audit.lift import auc, closed_deals, feature_lifts, further_columns, lift, suspicious
from features.audit.moments import moments_of
from features.audit.proof import compare
from features.audit.suspects import clocks, marks_of_an_outcome, told_after_the_close, without_history
from features.audit.tamper import WAYS, rows_touched
from features.canonical import TIME, CanonicalData
from features.config import PipelineConfig
from features.errors import DataError
from features.sample import make_sample
from features.tables import TABLES
from features.times import DAY, from_micros, parse_instant
from tests.factories import Row, data_of, deal, in_days, random_rows

RECORDS = tuple(name for name, table in TABLES.items() if table.has_two_clocks)
Frames = Sequence[Any]
honest = frames.frames_at


@pytest.fixture(scope="module")
def data() -> CanonicalData:
    return make_sample(400, seed=3, dirt=False).data


@pytest.fixture(scope="module")
def report(data: CanonicalData) -> AuditReport:
    return audit(Export(data), snapshots=60, moments=3)


def with_table(data: CanonicalData, name: str, frame: pl.DataFrame) -> CanonicalData:
    return replace(data, tables={**data.tables, name: frame})


def with_records(data: CanonicalData, change: Callable[[str, pl.DataFrame], pl.DataFrame]) -> CanonicalData:
    return replace(data, tables={**data.tables, **{name: change(name, data[name]) for name in RECORDS}})


def with_config(data: CanonicalData, **changes: Any) -> CanonicalData:
    return replace(data, config=replace(data.config, **changes))


def differing_ways(data: CanonicalData) -> dict[str, set[str]]:
    """The features that moved, by the way in which the future was changed."""
    moments = moments_of(data, 2, 40, np.random.default_rng(0))
    found = compare(data, moments, 0, lambda _: None)
    return {one.way: {d.feature for d in one.differences} for one in found if one.differences}


def test_a_clean_crm_proves_nothing_and_says_what_was_compared(report: AuditReport) -> None:
    assert report.failure() is None
    assert not report.differences
    assert [one.way for one in report.comparisons] == list(WAYS)
    assert all(one.rows > 100 for one in report.comparisons)
    assert sum(report.comparisons[0].snapshots.values()) == 60
    assert re.search(r"45 snapshots of opportunities x \d+ features and 15 .* x 6 ways", report.compared)
    assert f"{report.compared}: no value moved." in " ".join(report.to_markdown().split())


def test_the_same_seed_gives_the_same_report_for_every_order_of_the_rows(data: CanonicalData) -> None:
    turned = replace(data, tables={name: frame.reverse() for name, frame in data.tables.items()})
    first, second, other = (
        audit(Export(d), snapshots=8, moments=2, seed=seed).to_dict()
        for d, seed in ((data, 1), (turned, 1), (data, 2))
    )
    assert first["moments"] == second["moments"]
    assert first["lifts"] == second["lifts"]
    assert first["suspects"] == second["suspects"]
    assert first["comparisons"] != other["comparisons"]
    assert first == audit(Export(data), snapshots=8, moments=2, seed=1).to_dict()


def as_known(data: CanonicalData, as_of: int, left_out: Sequence[str]) -> dict[str, pl.DataFrame]:
    """What was known, in an order of its own, less the last values that nobody may read."""
    known = data.known_at(as_of).tables
    frames = {n: f.drop(left_out) if n == "opportunities" else f for n, f in known.items()}
    return {name: frame.sort(frame.columns, nulls_last=True) for name, frame in frames.items()}


def assert_sound(data: CanonicalData) -> None:
    """What any cleaning sees to: deals do not contradict themselves, and no master stands twice."""
    deals = data["opportunities"]
    assert deals.filter(pl.col("closed_at").is_null() != pl.col("outcome").is_null()).is_empty()
    assert deals.filter(pl.col("closed_at") < pl.col("created_at")).is_empty()
    for name, table in TABLES.items():
        assert table.has_two_clocks or not data[name].select(table.key).is_duplicated().any(), name


def assert_only_the_future_changes(data: CanonicalData, seed: int) -> dict[str, int]:
    """Tries every way at some moments; how many rows each touched."""
    rows = dict.fromkeys(WAYS, 0)
    before = {name: frame.clone() for name, frame in data.tables.items()}
    for moment in moments_of(data, 3, 30, np.random.default_rng(seed)):
        last_values = mutable_columns(data, moment.as_of)
        known = as_known(data, moment.as_of, last_values)
        for way, tamper in WAYS.items():
            future = Future(data, moment.as_of, moment.deals, moment.accounts, np.random.default_rng(seed))
            other = tamper(future)
            rows[way] += rows_touched(data, other)
            assert {n: f.schema for n, f in other.tables.items()} == {n: f.schema for n, f in before.items()}
            assert_sound(other)
            found = as_known(other, moment.as_of, last_values)
            assert [name for name in known if not found[name].equals(known[name])] == [], way
    assert all(data[name].equals(frame) for name, frame in before.items())
    return rows


def test_every_way_changes_much_and_nothing_that_was_known(data: CanonicalData) -> None:
    assert min(assert_only_the_future_changes(data, 0).values()) > 100


@pytest.mark.parametrize("seed", range(6))
def test_nothing_that_was_known_changes_in_odd_data_either(seed: int) -> None:
    assert_only_the_future_changes(data_of(random_rows(seed)), seed)


def test_a_crm_of_two_tables_can_be_audited() -> None:
    rows = random_rows(1)
    data = data_of({name: rows[name] for name in ("opportunities", "stage_changes")})
    assert audit(Export(data), snapshots=9, moments=3).failure() is None


def test_data_in_which_nothing_was_ever_open_cannot_be_audited() -> None:
    data = data_of(in_days(opportunities=[deal(created_at=3, closed_at=3, outcome="won")]))
    with pytest.raises(DataError, match="nothing to compare"):
        audit(Export(data))


def by_at_alone(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
    """An engine that takes everything for known when it happened."""
    blind = with_records(data, lambda _, f: f.with_columns(recorded_at=pl.lit(None, TIME)))
    return honest(blind, known_at, asked)


def read_as_all_the_data_say(data: CanonicalData, _: int, asked: Sequence[Asked]) -> Frames:
    """An engine whose conventions and statistics come from the whole data."""
    return honest(data, data.watermark(), asked)


def amount_from_the_row(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
    """An engine that reads the last amount."""
    return honest(with_config(data, fixed_fields=("amount",)), known_at, asked)


def latest_versions_alone(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
    """An engine that forgets what a record said before it was corrected."""
    latest = with_records(data, lambda name, f: f.sort("recorded_at").unique(TABLES[name].key, keep="last"))
    return honest(latest, known_at, asked)


def one_microsecond_late(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
    """An engine whose snapshots see what is known at the next instant."""
    return honest(data, known_at, [replace(group, as_of=group.as_of + 1) for group in asked])


def people_known_always(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
    """An engine that takes no notice of when a contact was created."""
    always = data["contacts"].with_columns(created_at=pl.lit(None, TIME))
    return honest(with_table(data, "contacts", always), known_at, asked)


def with_column(values: Callable[[CanonicalData], Mapping[str, Any]]) -> Callable[..., Frames]:
    """An engine with one more feature, looked up by the deal's key."""

    def engine(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
        shown = values(data)
        more = [np.array([shown.get(key) for key in group.ids], object) for group in asked]
        frames = zip(honest(data, known_at, asked), more, strict=True)
        return [SimpleNamespace(columns={**frame.columns, "more": column}) for frame, column in frames]

    return engine


def of_deals(data: CanonicalData, column: str) -> dict[str, Any]:
    return dict(data["opportunities"].select("opportunity_id", column).iter_rows())


def places(data: CanonicalData) -> dict[str, int]:
    return {key: place for place, key in enumerate(data["opportunities"]["opportunity_id"])}


def leads(data: CanonicalData) -> dict[str, int]:
    return dict(data["leads"].group_by("opportunity_id").len().iter_rows())


LEAKY: dict[str, tuple[Callable[..., Frames], set[str], str]] = {
    "by at alone": (by_at_alone, {"deleted", "changed", "added", "corrected"}, "activities_total"),
    "conventions of the whole data": (read_as_all_the_data_say, {"added"}, "kind"),
    "last values": (amount_from_the_row, {"changed"}, "amount"),
    "latest versions alone": (latest_versions_alone, {"corrected", "merged"}, "activities_total"),
    "one microsecond late": (one_microsecond_late, {"added", "corrected", "merged"}, "activities_total"),
    "people known always": (people_known_always, {"added"}, "contacts_known"),
    "the outcome": (with_column(lambda d: of_deals(d, "outcome")), {"deleted", "changed"}, "more"),
    "the rep of today": (with_column(lambda d: of_deals(d, "rep_id")), {"changed"}, "more"),
    "the row's place": (with_column(places), {"shuffled"}, "more"),
    "leads whenever converted": (with_column(leads), {"changed", "added"}, "more"),
    "a contract's end": (
        with_column(lambda d: dict(d["accounts"].select("account_id", "churned_at").iter_rows())),
        {"changed"},
        "more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKY)
def test_a_leaky_engine_is_caught(name: str, data: CanonicalData, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, ways, feature = LEAKY[name]
    monkeypatch.setattr(frames, "frames_at", engine)
    found = differing_ways(with_config(data, stages=(), fixed_fields=()))
    assert ways <= set(found)
    assert feature in set.union(*(found[way] for way in ways))


def test_a_leak_is_reported_so_that_it_can_be_reproduced(
    data: CanonicalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "frames_at", amount_from_the_row)
    report = audit(Export(data), snapshots=40, moments=2)
    difference = next(one for one in report.differences if one.feature == "amount")
    assert (difference.way, difference.entity) == ("changed", "opportunity")
    assert 0 < len(difference.examples) <= 3 <= difference.snapshots
    key, as_of = difference.examples[0]
    assert key in data["opportunities"]["opportunity_id"]
    assert parse_instant(as_of) in {moment.as_of for moment in report.moments}
    failure = report.failure()
    assert failure is not None
    assert failure.startswith("a leak is proved: amount")
    assert "(changed)" in failure
    assert report.to_dict()["leak_proved"] is True
    assert f"{key} @ {as_of}" in report.render()
    assert "Features that see the future" in report.to_markdown()


def found(findings: Any, level: Level | None = None) -> dict[tuple[str, str], Finding]:
    """Findings by rule and place."""
    return {(one.rule, one.where): one for one in findings if level in (None, one.level)}


def test_a_fixed_column_that_its_history_contradicts_is_proof(data: CanonicalData) -> None:
    assert not found(contradictions(data))
    proofs = found(contradictions(with_config(data, fixed_fields=("amount", "source"))), Level.PROOF)
    assert list(proofs) == [("fixed_yet_changed", "opportunities.amount")]
    first = data["field_changes"].filter(pl.col("field") == "amount").sort("recorded_at", "at")
    first = (
        first.group_by("opportunity_id", maintain_order=True)
        .first()
        .join(data["opportunities"], on="opportunity_id")
    )
    overwritten = first.filter(pl.col("value").cast(pl.Float64) != pl.col("amount")).height
    assert proofs["fixed_yet_changed", "opportunities.amount"].counts["deals"] >= overwritten > 100


def changes(field: str, *values: tuple[float, str], deal_id: str = "d") -> list[Row]:
    return [{"opportunity_id": deal_id, "at": at, "field": field, "value": value} for at, value in values]


@pytest.mark.parametrize(
    ("row", "told", "proved"),
    [
        ({"amount": 7.0}, changes("amount", (0, "7"), (3, "7.00")), False),
        ({"amount": 7.0}, changes("amount", (0, "7.004")), False),  # less than a cent
        ({"amount": 9.0}, changes("amount", (0, "7"), (3, "9")), True),
        ({"amount": 7.0}, changes("amount", (0, "7"), (3, "9")), False),  # out of date, no future
        ({"amount": 7.0}, changes("amount", (0, "7"), (3, "9"), (5, "7.0")), True),  # there and back
        ({"amount": 7.0}, changes("amount", (0, "much")), False),
        ({"expected_close_at": 4.0}, changes("expected_close_at", (0, "1970-01-05")), False),
        ({"expected_close_at": 4.0}, changes("expected_close_at", (0, "1970-01-06T00:00:00Z")), True),
        ({"source": "web"}, changes("source", (0, "web")), False),
        ({"source": "web"}, changes("source", (0, "fair")), True),
    ],
)
def test_what_contradicts_is_an_earlier_value_and_not_another_way_to_write_it(
    row: Row, told: list[Row], proved: bool
) -> None:
    field = next(iter(row))
    deals = [deal(**row), deal("e", **row)]
    data = data_of(in_days(opportunities=deals, field_changes=told), PipelineConfig(fixed_fields=(field,)))
    assert bool(found(contradictions(data), Level.PROOF)) is proved


def test_a_category_overwritten_before_its_first_known_change_is_a_suspect() -> None:
    deals = [deal(created_at=0, kind="renewal"), deal("e", created_at=9, kind="new")]
    told = [*changes("kind", (5, "new"), (6, "renewal")), *changes("kind", (9, "upsell"), deal_id="e")]
    data = data_of(in_days(opportunities=deals, field_changes=told))
    suspects = found(contradictions(data))
    assert list(suspects) == [("fixed_until_changed", "opportunities.kind")]
    one = suspects["fixed_until_changed", "opportunities.kind"]
    assert (one.level, one.counts["deals"], one.examples) == (Level.SUSPECT, 1, ("d",))


@pytest.fixture(scope="module")
def last_month(data: CanonicalData) -> CanonicalData:
    return data.known_at(data.watermark() - 60 * DAY)


def test_an_earlier_export_of_an_honest_crm_says_nothing(
    data: CanonicalData, last_month: CanonicalData
) -> None:
    assert not found(against_earlier(Export(data), Export(last_month)))
    with pytest.raises(DataError, match="change them round"):
        list(against_earlier(Export(last_month), Export(data)))
    with pytest.raises(DataError, match="time zone UTC and the data in Asia/Shanghai"):
        list(against_earlier(Export(with_config(data, time_zone="Asia/Shanghai")), Export(last_month)))


def test_columns_overwritten_since_the_earlier_export_are_proof(
    data: CanonicalData, last_month: CanonicalData
) -> None:
    moved = pl.when(pl.col("account_id") < "C-00005").then(pl.lit("mining"))
    accounts = data["accounts"].with_columns(industry=moved.otherwise(pl.col("industry")))
    deals = data["opportunities"].with_columns(source=pl.lit("web"), amount=pl.lit(1.0))
    other = with_table(with_table(data, "accounts", accounts), "opportunities", deals)
    proofs = found(against_earlier(Export(other), Export(last_month)), Level.PROOF)
    assert {place for _, place in proofs} == {"accounts.industry", "opportunities.source"}
    industry = proofs["overwritten_without_history", "accounts.industry"]
    assert industry.counts["rows"] == last_month["accounts"].filter(pl.col("account_id") < "C-00005").height
    assert industry.examples == ("C-00001", "C-00002", "C-00003")


def test_backdated_rewritten_and_deleted_records_are_told_apart(
    data: CanonicalData, last_month: CanonicalData
) -> None:
    end = from_micros(last_month.watermark())
    known = data["activities"].sort("activity_id").filter(pl.col("recorded_at") < end)
    late = known[:5].with_columns(activity_id=pl.lit("late-") + pl.col("activity_id"))
    rewritten = known[10:17].with_columns(outcome=pl.lit("held"))
    rewritten = rewritten.filter(known[10:17]["outcome"].ne_missing("held"))
    told_again = known[20:24].with_columns(recorded_at=pl.lit(end + (end - end), TIME) + pl.duration(days=9))
    gone = {*known[:3]["activity_id"], *rewritten["activity_id"], *told_again["activity_id"]}
    kept = data["activities"].filter(~pl.col("activity_id").is_in(gone))
    other = with_table(data, "activities", pl.concat([kept, late, rewritten, told_again]))
    findings = found(against_earlier(Export(other), Export(last_month)))
    assert {(one.level, rule, place) for (rule, place), one in findings.items()} == {
        (Level.PROOF, "backdated", "activities"),
        (Level.PROOF, "rewritten_in_place", "activities.outcome"),
        (Level.SUSPECT, "deleted_history", "activities"),
        (Level.SUSPECT, "version_lost", "activities"),
    }
    counts = {rule: next(iter(one.counts.values())) for (rule, _), one in findings.items()}
    assert counts == {
        "backdated": 5, "rewritten_in_place": len(rewritten), "deleted_history": 3, "version_lost": 4,
    }  # fmt: skip


def test_a_close_typed_in_late_is_proof() -> None:
    def told(**fate: Any) -> Export:
        deals = [deal(created_at=3, **fate), deal("e", created_at=20)]
        return Export(data_of(in_days(opportunities=deals)))

    still, later = told(), told(closed_at=30, outcome="won")
    won, lost = told(closed_at=12, outcome="won"), told(closed_at=12, outcome="lost")
    assert not found(against_earlier(later, still))
    late = found(against_earlier(won, still), Level.PROOF)
    assert set(late) == {("told_late", "opportunities.closed_at"), ("told_late", "opportunities.outcome")}
    flipped = found(against_earlier(lost, won))
    assert list(flipped) == [("told_late", "opportunities.outcome")]
    assert flipped["told_late", "opportunities.outcome"].examples == ("d",)


def test_people_without_a_creation_prove_something_only_where_they_could_be_seen() -> None:
    people = [{"contact_id": "p", "account_id": "a"}, {"contact_id": "q", "account_id": "b"}]
    masters = [{"account_id": "x", "created_at": 5}]
    before = data_of(in_days(opportunities=[deal(created_at=3)], accounts=masters, contacts=[]))
    after = data_of(
        in_days(opportunities=[deal(created_at=3), deal("e", "b", 9)], accounts=masters, contacts=people)
    )
    after_without_b = data_of(
        in_days(opportunities=[deal(created_at=3)], accounts=masters, contacts=people[1:])
    )
    proofs = found(against_earlier(Export(after), Export(before)))
    assert list(proofs) == [("backdated", "contacts")]
    assert proofs["backdated", "contacts"].examples == ("p",)
    assert not found(against_earlier(Export(after_without_b), Export(before)))


def test_rows_that_a_cleaning_put_into_quarantine_prove_nothing(
    data: CanonicalData, last_month: CanonicalData
) -> None:
    missed = last_month["activities"]["activity_id"][:2].to_list()
    without = last_month["activities"].filter(~pl.col("activity_id").is_in(missed))
    earlier = with_table(last_month, "activities", without)
    assert found(against_earlier(Export(data), Export(earlier)), Level.PROOF)
    entries = Export(data).quarantine.clear(2).with_columns(table=pl.lit("activities"), key=pl.Series(missed))
    assert not found(against_earlier(Export(data), Export(earlier, entries)))


def named_after_the_outcome(data: CanonicalData) -> pl.DataFrame:
    told = {"won": "yes", "lost": "no"}
    values = pl.col("outcome").replace_strict(told, default="maybe", return_dtype=pl.String)
    return data["opportunities"].with_columns(source=values, verdict=values)


def test_a_column_that_equals_the_outcome_is_a_suspect(data: CanonicalData, report: AuditReport) -> None:
    told = with_table(data, "opportunities", named_after_the_outcome(data))
    deals = closed_deals(told)
    lifts = feature_lifts(told, deals, np.random.default_rng(0))
    suspects = found(suspicious(lifts))
    assert suspects["feature_too_good", "feature source"].counts["auc"] == 1.0
    assert all("source" in place for _, place in suspects)
    assert lifts[0].column == "source"
    assert not [one for one in report.findings if one.rule == "feature_too_good"]
    assert report.lifts[0].auc < 0.9


def with_own_columns(data: CanonicalData, **config: Any) -> CanonicalData:
    """The firm's own columns: a verdict of each deal, the tier of each account, both last values."""
    verdict = named_after_the_outcome(data)["verdict"]
    score = verdict.replace_strict({"yes": "2", "no": "1.5"}, default=None)
    deals = data["opportunities"].with_columns(verdict.alias("verdict"), score.alias("score"))
    tiers = data["accounts"].with_columns(tier=pl.col("account_id").str.slice(-1))
    told = with_table(with_table(data, "opportunities", deals), "accounts", tiers)
    return with_config(
        told, extra_categories=("verdict", "accounts.tier"), extra_numbers=("score",), **config
    )


def test_a_column_named_as_a_feature_that_equals_the_outcome_is_a_suspect(data: CanonicalData) -> None:
    told = with_own_columns(data)
    suspects = found(further_columns(told, closed_deals(told), np.random.default_rng(0)))
    assert list(suspects) == [("column_too_good", "column verdict"), ("column_too_good", "column score")]
    unused = {place for _, place in found(without_history(told), Level.CAVEAT)}
    assert unused == {"opportunities.verdict", "opportunities.score", "accounts.tier"}


def test_own_columns_move_nothing_unless_they_are_read_from_the_row(
    data: CanonicalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = with_own_columns(data)
    assert differing_ways(told) == {}
    fixed = ("verdict", "score", "accounts.tier")
    assert differing_ways(with_own_columns(data, fixed_fields=fixed)) == {}  # believed: never changes

    def from_the_row(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> Frames:
        return honest(with_config(data, fixed_fields=fixed), known_at, asked)

    monkeypatch.setattr(frames, "frames_at", from_the_row)
    moved = differing_ways(told)["changed"]
    assert {"custom_verdict", "custom_score", "custom_accounts_tier"} <= moved


def test_a_fixed_column_of_accounts_is_held_against_its_history_and_the_earlier_export(
    data: CanonicalData, last_month: CanonicalData
) -> None:
    fixed = {"fixed_fields": ("accounts.tier",)}
    told, earlier = with_own_columns(data, **fixed), with_own_columns(last_month, **fixed)
    assert not found(against_earlier(Export(told), Export(earlier)))
    raised = told["accounts"].with_columns(tier=pl.lit("1"))
    proofs = found(against_earlier(Export(with_table(told, "accounts", raised)), Export(earlier)))
    assert list(proofs) == [("overwritten_without_history", "accounts.tier")]
    first = told["opportunities"]["opportunity_id"][0]
    change = told["field_changes"][:1].with_columns(
        opportunity_id=pl.lit(first), field=pl.lit("accounts.tier"), value=pl.lit("none")
    )
    told = with_table(told, "field_changes", pl.concat([told["field_changes"], change]))
    assert found(contradictions(told))["fixed_yet_changed", "accounts.tier"].examples == (first,)


def test_whether_a_number_is_given_is_looked_at_too(
    data: CanonicalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    deals = closed_deals(data)
    score = np.where(deals.won, 3.0, np.nan)
    frame = SimpleNamespace(columns={"score": score, "noise": np.arange(len(score), dtype=np.float64)})
    monkeypatch.setattr(frames, "frames_at", lambda *_: [frame])
    first, second = feature_lifts(data, deals, np.random.default_rng(0))
    assert (first.column, first.by, first.auc) == ("score", "given", 1.0)
    assert second.auc < 0.7


def test_a_lift_has_no_direction_and_is_not_learnt_from_the_deal_itself() -> None:
    won = np.arange(400) % 3 == 0
    folds = np.arange(400) % 7 % 5
    falling = lift("falling", np.where(won, 1.0, 2.0), won, folds)
    assert (falling.by, falling.auc, falling.won, falling.lost) == ("value", 1.0, 134, 266)
    own_name = lift("own_name", np.array([f"d{n}" for n in range(400)], object), won, folds)
    assert (own_name.by, own_name.auc < 0.6) == ("category", True)
    told = lift("told", np.array(["yes" if one else None for one in won], object), won, folds)
    assert told.auc == 1.0


def test_with_few_closed_deals_no_feature_is_judged(data: CanonicalData) -> None:
    few = data["opportunities"].filter((pl.col("outcome") != "won") | (pl.int_range(pl.len()) < 60))
    report = audit(Export(with_table(data, "opportunities", few)), snapshots=4, moments=1)
    assert report.lifts == ()
    assert "Not looked at" in report.to_markdown()


def test_auc_counts_ties_half() -> None:
    positive = np.array([False, True, False, True])
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5
    assert auc(np.array([1.0, 2.0, 2.0, 3.0]), positive) == 0.875


def closed_world(late_kind: str, of: str) -> CanonicalData:
    """60 won and 60 lost deals with a call before the close; one outcome's get another kind after it."""
    deals, activities = [], []
    for number in range(120):
        outcome = "won" if number % 2 else "lost"
        key = f"d{number:03}"
        deals.append(deal(key, created_at=1, closed_at=20, outcome=outcome))
        activities.append(
            {"activity_id": f"c{key}", "opportunity_id": key, "at": 5, "recorded_at": 6, "kind": "call"}
        )
        if outcome == of:
            activities.append(
                {
                    "activity_id": f"m{key}",
                    "opportunity_id": key,
                    "at": 9,
                    "recorded_at": 20.5,
                    "kind": late_kind,
                }
            )
    return data_of(in_days(opportunities=deals, activities=activities))


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_kind_recorded_after_the_close_is_listed(outcome: str) -> None:
    data = closed_world("visit", outcome)
    late = found(told_after_the_close(data))
    assert list(late) == [("told_after_the_close", "activities of kind visit")]
    counts = late["told_after_the_close", "activities of kind visit"].counts
    assert (counts["late"], counts["before"], counts["share"], counts["median_days"]) == (60, 60, 1.0, 11.5)
    assert counts["won"] == (60 if outcome == "won" else 0)
    marks = found(marks_of_an_outcome(data))
    assert list(marks) == [("marks_an_outcome", "activities of kind visit")]
    assert marks["marks_an_outcome", "activities of kind visit"].counts[f"{outcome}_share"] == 1.0


def test_a_second_clock_that_is_missing_or_copied_is_said() -> None:
    activities = [
        {"activity_id": "a", "opportunity_id": "d", "at": 5, "kind": "call"},
        {"activity_id": "b", "opportunity_id": "d", "at": 6, "kind": "call"},
    ]
    orders = [{"order_id": "o", "account_id": "a", "at": 3, "amount": 1.0, "recorded_at": 3}]
    moves = [{"opportunity_id": "d", "at": 2, "stage": "s", "recorded_at": 4}]
    told = in_days(opportunities=[deal()], activities=activities, orders=orders, stage_changes=moves)
    caveats = found(clocks(data_of(told)), Level.CAVEAT)
    assert [place for _, place in caveats] == ["activities", "orders"]
    assert "empty in all rows" in caveats["no_second_clock", "activities"].evidence
    assert "as if copied" in caveats["no_second_clock", "orders"].evidence


def test_a_mutable_column_without_history_is_said_to_be_unused() -> None:
    told = in_days(
        opportunities=[deal(amount=5.0, expected_close_at=9)], field_changes=changes("rep_id", (0, "r"))
    )
    caveats = found(without_history(data_of(told, PipelineConfig(fixed_fields=("expected_close_at",)))))
    assert list(caveats) == [("mutable_without_history", "opportunities.amount")]


def test_a_report_holds_no_content_of_the_crm(data: CanonicalData) -> None:
    leaky = with_config(data, fixed_fields=("amount", "rep_id"))
    month_ago = data.known_at(data.watermark() - 30 * DAY)
    overwritten = data["accounts"].with_columns(industry=pl.col("industry") + "!")
    report = audit(
        Export(with_table(leaky, "accounts", overwritten)), snapshots=8, moments=2, earlier=Export(month_ago)
    )
    assert report.failure() is not None
    printed = report.render() + report.to_markdown() + json.dumps(report.to_dict())
    content = {*data["accounts"]["name"], *data["accounts"]["industry"], *data["accounts"]["region"]}
    for table, column in (
        ("stage_changes", "stage"),
        ("opportunities", "product"),
        ("opportunities", "loss_reason"),
    ):
        content |= set(data[table][column].drop_nulls())
    words = [word for word in content if re.search(rf"\b{re.escape(word)}\b", printed)]
    assert words == []


def test_progress_names_every_step(data: CanonicalData) -> None:
    steps: list[str] = []
    audit(Export(data), snapshots=4, moments=1, progress=steps.append)
    assert [step for step in steps if step.startswith("moment 1 of 1")] == [
        "moment 1 of 1: as they are", *(f"moment 1 of 1: {way}" for way in WAYS)
    ]  # fmt: skip


def test_a_moment_is_one_at_which_something_became_known(data: CanonicalData) -> None:
    moments = moments_of(data, 4, 40, np.random.default_rng(0))
    assert [len(moment) for moment in moments] == [10] * 4
    for moment in moments:
        now = pl.lit(from_micros(moment.as_of), TIME)
        told = [data[name].filter(pl.coalesce("recorded_at", "at") == now).height for name in RECORDS]
        assert sum(told) + data["opportunities"].filter(pl.col("created_at") == now).height > 0
        rows = data["opportunities"].filter(pl.col("opportunity_id").is_in(moment.deals))
        assert (rows["created_at"] <= from_micros(moment.as_of)).all()
        assert (rows["closed_at"].drop_nulls() > from_micros(moment.as_of)).all()
