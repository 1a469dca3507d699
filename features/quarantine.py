"""The quarantine's entries: which row, which column, which rule, and never which value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from features.parsing import value_kind
from features.quality_report import CELL_EMPTIED, QUARANTINE, ROW_QUARANTINED
from features.rules import Finding, raw
from features.tables import Kind, Table


def still_there(findings: Sequence[Finding], kept: pl.Series, height: int) -> list[Finding]:
    """The findings without the emptied cells of rows that were themselves dropped later.

    Args:
        findings: of one table.
        kept: positions of the rows that stay.
        height: number of rows in the raw table.
    """
    there = np.zeros(height, dtype=np.bool_)
    there[kept.to_numpy()] = True
    return [
        finding
        if finding.quarantines
        else replace(
            finding, positions=finding.positions.filter(pl.Series(there[finding.positions.to_numpy()]))
        )
        for finding in findings
    ]


def entries(
    table: Table, working: pl.DataFrame, findings: Sequence[Finding], malformed: Sequence[int]
) -> pl.DataFrame:
    """One entry per finding and row, with the columns of `QUARANTINE`, in the order of the source's rows.

    Args:
        table: the declaration.
        working: every raw row, typed and unparsed, as the rules saw it.
        findings: with positions in `working`.
        malformed: the 1-based rows of the source that never became rows of `working`.
    """
    rows = _source_rows(working.height, malformed)
    parts = [_entry(table, working, rows, finding) for finding in findings if len(finding.positions)]
    return pl.concat([*parts, _nonsense(table, malformed)]).sort("row", maintain_order=True)


def _entry(table: Table, working: pl.DataFrame, rows: pl.Series, finding: Finding) -> pl.DataFrame:
    judged = finding.column if finding.column in table.column_names else table.key[0]
    kinds = value_kind(working[raw(judged)].gather(finding.positions))
    action = ROW_QUARANTINED if finding.quarantines else CELL_EMPTIED
    keys = working.select(table.key)[finding.positions]
    return keys.select(
        pl.lit(table.name).alias("table"),
        _key_text(table),
        pl.lit(finding.column).alias("column"),
        pl.lit(finding.rule).alias("rule"),
        kinds.alias("value_kind"),
        pl.lit(action).alias("action"),
        rows.gather(finding.positions).alias("row"),
    )


def _nonsense(table: Table, malformed: Sequence[int]) -> pl.DataFrame:
    """Entries of the rows that could not be taken apart into cells, and so have no key and no column."""
    said = {"table": table.name, "rule": "malformed_row", "value_kind": "text", "action": ROW_QUARANTINED}
    rows = pl.DataFrame({"row": pl.Series(malformed, dtype=QUARANTINE["row"])})
    return rows.select(
        pl.col("row") if name == "row" else pl.lit(said.get(name, "")).alias(name) for name in QUARANTINE
    )


def _key_text(table: Table) -> pl.Expr:
    """The parts of the key joined by `|`, a missing part empty; nothing where all are missing."""
    parts = [_as_text(name, table.column(name).kind) for name in table.key]
    joined = pl.concat_str([part.fill_null("") for part in parts], separator="|")
    missing = pl.all_horizontal(part.is_null() for part in parts)
    return pl.when(missing).then(pl.lit("")).otherwise(joined).alias("key")


def _as_text(name: str, kind: Kind) -> pl.Expr:
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ") if kind is Kind.TIME else pl.col(name)


def _source_rows(height: int, malformed: Sequence[int]) -> pl.Series:
    """The 1-based rows in the source of the rows of a raw table, from which the malformed are gone."""
    rows = np.arange(1, height + len(malformed) + 1, dtype=np.int64)
    return pl.Series(np.delete(rows, np.asarray(malformed, dtype=np.int64) - 1))
