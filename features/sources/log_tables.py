"""The canonical tables that the typed events of a log make."""

from __future__ import annotations

import polars as pl

from features.canonical import PHYSICAL, TIME, empty_table
from features.sources.mapping import EXTRA_PREFIX, EventLogMapping, RecordRule
from features.tables import ACCOUNTS, ACTIVITIES, FIELD_CHANGES, OPPORTUNITIES, REPS, STAGE_CHANGES, Table

CASE = "opportunity_id"


def closings(events: pl.DataFrame, mapping: EventLogMapping) -> pl.DataFrame:
    """The first event of each case that closes it: closed_at, outcome, loss_reason and stage.

    The reason of a loss is the activity that closed the deal.
    """
    outcomes = dict.fromkeys(mapping.won.activities, "won") | dict.fromkeys(mapping.lost.activities, "lost")
    stages = {"won": mapping.won.name, "lost": mapping.lost.name}
    outcome = pl.col("activity").replace_strict(outcomes, default=None, return_dtype=pl.String)
    closing = _moves(events, mapping).with_columns(outcome=outcome).filter(pl.col("outcome").is_not_null())
    return closing.unique(CASE, keep="first", maintain_order=True).select(
        CASE,
        pl.col("at").alias("closed_at"),
        "outcome",
        pl.when(pl.col("outcome") == "lost").then("activity").alias("loss_reason"),
        pl.col("outcome").replace_strict(stages, return_dtype=pl.String).alias("stage"),
    )


def opportunities(events: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """One row per case; columns that change hold their last value."""
    last = [pl.col(name).drop_nulls().last() for name in _deal_columns(events)]
    account = pl.col("account").drop_nulls().first()
    deals = events.group_by(CASE, maintain_order=True).agg(
        pl.col("created_at").first(), account.alias("account_id"), *last
    )
    deals = deals.with_columns(pl.coalesce("account_id", CASE).alias("account_id"))
    deals = deals.join(closed.drop("stage"), on=CASE, how="left", maintain_order="left")
    further = {
        name: name.removeprefix(EXTRA_PREFIX) for name in deals.columns if name.startswith(EXTRA_PREFIX)
    }
    return _shaped(OPPORTUNITIES, deals.rename(further), *further.values())


def stage_changes(events: pl.DataFrame, closed: pl.DataFrame, mapping: EventLogMapping) -> pl.DataFrame:
    """One row per move; of several at one instant the close stands, else the last in log order."""
    stages = {activity: stage.name for stage in mapping.stages for activity in stage.activities}
    stage = pl.col("activity").replace_strict(stages, default=None, return_dtype=pl.String)
    moves = _moves(events, mapping).select(CASE, "at", stage.alias("stage"))
    moves = moves.filter(pl.col("stage").is_not_null())
    every = pl.concat([moves, closed.select(CASE, pl.col("closed_at").alias("at"), "stage")])
    every = every.unique([CASE, "at"], keep="last", maintain_order=True).sort(CASE, "at")
    return _shaped(STAGE_CHANGES, every.with_columns(recorded_at="at"))


def field_changes(events: pl.DataFrame) -> pl.DataFrame:
    """The history of each mapped column: its first value, at the creation, and every change of it.

    A value that only a later event gives is known from that event on. A column that by nature
    never changes, and does not in this log, needs no history and gets none.
    """
    mutable = {column.name for column in OPPORTUNITIES.columns if column.mutable}
    parts = [empty_table(FIELD_CHANGES)]
    for name in _deal_columns(events):
        changes = _changes(events, name)
        if name in mutable or (changes["at"] > changes["created_at"]).any():
            parts.append(_shaped(FIELD_CHANGES, changes))
    return pl.concat(parts).sort(CASE, "at", "field")


def activities(
    events: pl.DataFrame, deals: pl.DataFrame, rules: tuple[RecordRule, ...]
) -> tuple[pl.DataFrame, int]:
    """The records which the rules make of the events, and the number of ends without a beginning.

    `activity_id` is the case and the event's place in its log. An end is a later version of the
    record which its beginning made: the same id, known from the end on, with the duration. An end
    that nothing began makes no record: no work was done, it was called off. (In the log of
    2012 nearly all of these stand within half a second before a cancellation, as its echo.)
    The activity's own name is kept as `detail`.
    """
    records = events.join(_rule_table(rules), on=["activity", "lifecycle"], maintain_order="left")
    kept = records.filter(~pl.col("called_off"))
    kept = kept.join(deals.select(CASE, "account_id"), on=CASE, maintain_order="left")
    number = pl.coalesce("start_number", "number").cast(pl.String)
    shaped = kept.with_columns(
        pl.concat_str(CASE, number, separator="-").alias("activity_id"),
        pl.coalesce("start", "at").alias("at"),
        pl.col("at").alias("recorded_at"),
        pl.coalesce("resource", "start_resource").alias("rep_id"),
        ((pl.col("at") - pl.col("start")).dt.total_microseconds() / 1e6).alias("duration_s"),
        pl.col("activity").alias("detail"),
    )
    # Begun and ended at one instant: the end alone stands.
    shaped = shaped.unique(["activity_id", "recorded_at"], keep="last", maintain_order=True)
    return _shaped(ACTIVITIES, shaped, "detail"), len(records) - len(kept)


def accounts(deals: pl.DataFrame) -> pl.DataFrame:
    """One row per account, created with its first deal."""
    firsts = deals.group_by("account_id").agg(pl.col("created_at").min()).sort("account_id")
    return _shaped(ACCOUNTS, firsts)


def reps(events: pl.DataFrame) -> pl.DataFrame:
    """One row per resource, and "unknown" where a case had none at some time."""
    return _shaped(REPS, events.select(pl.col("rep_id").unique().sort()))


def _rule_table(rules: tuple[RecordRule, ...]) -> pl.DataFrame:
    names = ("activity", "lifecycle", "kind", "direction", "outcome")
    rows = [[getattr(rule, name) for name in names] for rule in rules]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _moves(events: pl.DataFrame, mapping: EventLogMapping) -> pl.DataFrame:
    """The events that may move or close a deal, in order."""
    return events.filter(pl.col("lifecycle") == mapping.stage_lifecycle)


def _deal_columns(events: pl.DataFrame) -> list[str]:
    """The columns of opportunities which events give, those beyond the canonical ones included."""
    canonical = ("rep_id", "amount", "expected_close_at", "source", "product", "currency")
    extra = [name for name in events.columns if name.startswith(EXTRA_PREFIX)]
    return [name for name in canonical if name in events.columns] + extra


def _changes(events: pl.DataFrame, name: str) -> pl.DataFrame:
    value = _as_text(events.schema[name], name)
    first = pl.int_range(pl.len()).over(CASE) == 0
    at = pl.when(first).then("created_at").otherwise("at")
    values = events.select(CASE, "created_at", at.alias("at"), value.alias("value")).drop_nulls("value")
    changed = values.filter((pl.col("value") != pl.col("value").shift().over(CASE)).fill_null(value=True))
    changed = changed.unique([CASE, "at"], keep="last", maintain_order=True)
    return changed.with_columns(
        pl.lit(name.removeprefix(EXTRA_PREFIX)).alias("field"), pl.col("at").alias("recorded_at")
    )


def _as_text(kind: pl.DataType, name: str) -> pl.Expr:
    """A value as `field_changes` holds it: times in ISO 8601, whole numbers without a point."""
    if kind == TIME:
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
    if kind == pl.Float64:
        return pl.col(name).cast(pl.String).str.strip_suffix(".0")
    return pl.col(name)


def _shaped(table: Table, frame: pl.DataFrame, *further: str) -> pl.DataFrame:
    """The canonical columns in order and type, null where the log has none, then further ones as text."""
    columns = [
        pl.col(column.name).cast(PHYSICAL[column.kind])
        if column.name in frame.columns
        else pl.lit(None, PHYSICAL[column.kind]).alias(column.name)
        for column in table.columns
    ]
    return frame.select(*columns, *further)
