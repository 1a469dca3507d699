"""What makes a row or a cell bad: rules made from the declaration of a table, applied at once.

A rule that quarantines takes the whole row out, a row going by the first rule that it breaks.
Any other rule empties one cell and keeps the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from features.tables import Column, Kind, Table

POSITION = "\0position"  # 0-based place of the row in the raw table
_RAW = "\0raw "
_UNPARSABLE = {Kind.TIME: "not_a_time", Kind.NUMBER: "not_a_number", Kind.CATEGORY: "not_allowed"}
# Optional, yet nothing true can be said of the row where they cannot be read: a record whose
# second clock is unknown could become visible too early, an opportunity would look open.
_DECISIVE = frozenset({("opportunities", "closed_at"), ("opportunities", "outcome")})
# Tables whose rows say nothing without their opportunity.
_BELONG_TO_OPPORTUNITIES = frozenset({"stage_changes", "field_changes", "activities"})


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong.

    Attributes:
        column: where.
        name: the rule's name in reports.
        quarantines: the row goes; else the cell is emptied and the row stays.
        broken: true where the rule is broken; null counts as kept.
    """

    column: str
    name: str
    quarantines: bool
    broken: pl.Expr


@dataclass(frozen=True)
class Finding:
    """The rows that broke one rule.

    Attributes:
        positions: their 0-based places in the raw table, ascending.
    """

    column: str
    rule: str
    quarantines: bool
    positions: pl.Series


def raw(name: str) -> str:
    """The name under which a working frame carries the unparsed cells of a column."""
    return _RAW + name


def rules_of(table: Table, opportunities: pl.Series | None) -> list[Rule]:
    """The table's rules in the order in which a row is judged by them.

    Args:
        table: the declaration.
        opportunities: ids of the clean opportunities; None while those are themselves cleaned.
    """
    rules = [rule for column in table.columns for rule in _cell_rules(table, column)]
    if table.name == "opportunities":
        rules += _close_rules()
    if opportunities is not None:
        rules += _reference_rules(table, opportunities)
    return rules


def judge(frame: pl.DataFrame, rules: Sequence[Rule]) -> tuple[pl.DataFrame, list[Finding]]:
    """The rows that broke no quarantining rule, bad cells emptied, and what was found.

    Args:
        frame: typed columns, the unparsed ones beside them under `raw(name)`, and POSITION,
            which must be the row's place in this frame.
        rules: in order of precedence.
    """
    broken = _broken(frame, rules)
    findings, good = _split(rules, broken)
    for rule, mask in zip(rules, broken, strict=True):
        if not rule.quarantines and mask.any():
            frame = frame.with_columns(pl.when(~mask).then(pl.col(rule.column)).alias(rule.column))
    return (frame if good.all() else frame.filter(good)), findings


def _broken(frame: pl.DataFrame, rules: Sequence[Rule]) -> list[pl.Series]:
    masks = frame.lazy().select(
        rule.broken.fill_null(value=False).alias(str(number)) for number, rule in enumerate(rules)
    )
    return masks.collect().get_columns()


def _split(rules: Sequence[Rule], broken: Sequence[pl.Series]) -> tuple[list[Finding], pl.Series]:
    """Findings, each row under its first quarantining rule only, and the mask of good rows."""
    good = pl.repeat(True, len(broken[0]), dtype=pl.Boolean, eager=True)
    findings = []
    for rule, mask in zip(rules, broken, strict=True):
        hit = mask & good if rule.quarantines else mask
        if hit.any():
            findings.append(Finding(rule.column, rule.name, rule.quarantines, hit.arg_true()))
        if rule.quarantines:
            good = good & ~mask
    return findings, good


def _cell_rules(table: Table, column: Column) -> Iterator[Rule]:
    cell, unparsed = pl.col(column.name), pl.col(raw(column.name))
    decisive = (table.name, column.name) in _DECISIVE or column.name == "recorded_at"
    quarantines = column.required or decisive
    if column.required:
        yield Rule(column.name, "missing_value", True, unparsed.is_null())
    if column.kind in _UNPARSABLE:
        rule = _UNPARSABLE[column.kind]
        yield Rule(column.name, rule, quarantines, unparsed.is_not_null() & cell.is_null())
    if column.minimum is not None:
        yield Rule(column.name, "below_minimum", quarantines, cell < column.minimum)


def _close_rules() -> Iterator[Rule]:
    created, closed, outcome = pl.col("created_at"), pl.col("closed_at"), pl.col("outcome")
    without_outcome = closed.is_not_null() & outcome.is_null()
    without_close = closed.is_null() & outcome.is_not_null()
    yield Rule("outcome", "closed_without_outcome", True, without_outcome)
    yield Rule("closed_at", "outcome_without_close", True, without_close)
    yield Rule("closed_at", "closed_before_created", True, closed < created)


def _reference_rules(table: Table, opportunities: pl.Series) -> Iterator[Rule]:
    quarantines = table.name in _BELONG_TO_OPPORTUNITIES
    for column in table.columns:
        if column.refers_to == "opportunities":
            known = pl.col(column.name).is_in(opportunities.implode())
            yield Rule(column.name, "unknown_reference", quarantines, ~known)
