"""Which event of a log began what another one ends."""

from __future__ import annotations

import polars as pl

from features.sources.mapping import EventLogMapping, RecordRule

CASE = "opportunity_id"


def with_spans(events: pl.DataFrame, mapping: EventLogMapping) -> pl.DataFrame:
    """The events, each that ends something with what began it.

    An end belongs to the latest beginning of its activity in its case that is still open.

    Returns:
        The same rows with `start`, `start_number` and `start_resource` of the beginning (null
        where the event ends nothing), `called_off` (the event would end something, but nothing
        was begun) and `rep_id`, the last resource so far, "unknown" before the first.
        What is called off is nobody's work, so that its resource does not count.
    """
    ends = pl.DataFrame(
        [(rule.activity, rule.lifecycle) for rule in mapping.records if rule.since],
        schema={"activity": pl.String, "lifecycle": pl.String},
        orient="row",
    ).with_columns(ends=pl.lit(True))
    begun = pl.col("begun")
    spans = events.with_columns(begun=_beginnings(events, mapping.records))
    spans = spans.join(ends, on=["activity", "lifecycle"], how="left", maintain_order="left").with_columns(
        pl.col("at").gather(begun).alias("start"),
        pl.col("number").gather(begun).alias("start_number"),
        pl.col("resource").gather(begun).alias("start_resource"),
        (pl.col("ends").is_not_null() & begun.is_null()).alias("called_off"),
    )
    worker = pl.when(~pl.col("called_off")).then("resource")
    rep_id = worker.forward_fill().over(CASE).fill_null("unknown")
    return spans.with_columns(rep_id=rep_id).drop("begun", "ends")


def _beginnings(events: pl.DataFrame, rules: tuple[RecordRule, ...]) -> pl.Series:
    """Row of the event that began what each event ends; null where none did."""
    ends = {(rule.activity, rule.lifecycle): rule.since for rule in rules if rule.since}
    begins = {(activity, since) for (activity, _), since in ends.items()}
    still_open: dict[tuple[str, str, str], list[int]] = {}
    begun: list[int | None] = [None] * len(events)
    rows = events.select(CASE, "activity", "lifecycle").iter_rows()
    for row, (case, activity, lifecycle) in enumerate(rows):
        since = ends.get((activity, lifecycle))
        if since and (waiting := still_open.get((case, activity, since))):
            begun[row] = waiting.pop()
        if (activity, lifecycle) in begins:
            still_open.setdefault((case, activity, lifecycle), []).append(row)
    return pl.Series("begun", begun, pl.UInt32)
