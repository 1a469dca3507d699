"""What the cleaning of a data set found, in counts; never in values."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import polars as pl

if TYPE_CHECKING:
    from rich.table import Table

ROW_QUARANTINED: Final = "row_quarantined"
CELL_EMPTIED: Final = "cell_emptied"
QUARANTINE_FILE: Final = "quarantine.csv"
REPORT_FILE: Final = "quality.json"
QUARANTINE: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "table": pl.String(),
        "key": pl.String(),
        "column": pl.String(),
        "rule": pl.String(),
        "value_kind": pl.String(),
        "action": pl.String(),
        "row": pl.Int64(),
    }
)


@dataclass(frozen=True)
class TableCounts:
    """Rows of one table; read = kept + repeats + quarantined.

    Attributes:
        read: data rows in the source, those of nonsense included.
        kept: rows that went on.
        repeats: rows equal to another one in all columns, dropped.
        quarantined: rows taken out by a rule.
        revisions: rows among the kept that are later versions of another one.
    """

    read: int
    kept: int
    repeats: int = 0
    quarantined: int = 0
    revisions: int = 0


@dataclass(frozen=True)
class RuleCount:
    """How often one rule was broken in one column: rows quarantined, or cells emptied."""

    table: str
    column: str
    rule: str
    count: int


@dataclass(frozen=True)
class QualityReport:
    """What the cleaning found.

    Attributes:
        tables: counts by table, for the tables that were there.
        notes: sentences on the data set as a whole.
        quarantine: one row per quarantined row and per emptied cell, with the columns of
            `QUARANTINE`: the row's key (its parts joined by `|`, empty where missing), the kind
            of the value and never the value, the 1-based data row in the source (blank lines not
            counted).
    """

    tables: Mapping[str, TableCounts]
    notes: tuple[str, ...] = ()
    quarantine: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=QUARANTINE), compare=False, repr=False
    )

    @property
    def quarantined(self) -> tuple[RuleCount, ...]:
        """Quarantined rows by table, column and rule."""
        return self._counts(ROW_QUARANTINED)

    @property
    def repairs(self) -> tuple[RuleCount, ...]:
        """Emptied cells of kept rows by table, column and rule."""
        return self._counts(CELL_EMPTIED)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON, without the single entries of the quarantine."""
        return {
            "tables": {name: asdict(counts) for name, counts in self.tables.items()},
            "quarantined": [asdict(count) for count in self.quarantined],
            "repairs": [asdict(count) for count in self.repairs],
            "notes": list(self.notes),
        }

    def render(self) -> str:
        """The report as text for a terminal, 100 characters wide."""
        from rich.console import Console

        text = io.StringIO()
        console = Console(file=text, width=100, color_system=None, emoji=False, markup=False, highlight=False)
        console.print(_tables(self.tables))
        for title, counts in (("Rows quarantined", self.quarantined), ("Cells emptied", self.repairs)):
            if counts:
                console.print(_rules(title, counts))
        for note in self.notes:
            console.print(f"- {note}")
        return text.getvalue()

    def write(self, folder: Path) -> None:
        """Write `quarantine.csv` and `quality.json` into the folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        self.quarantine.write_csv(folder / QUARANTINE_FILE)
        report = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        (folder / REPORT_FILE).write_text(report + "\n", encoding="utf-8")

    def _counts(self, action: str) -> tuple[RuleCount, ...]:
        by_rule = self.quarantine.filter(pl.col("action") == action).group_by("table", "column", "rule").len()
        return tuple(RuleCount(*row) for row in by_rule.sort("table", "column", "rule").iter_rows())


def _tables(tables: Mapping[str, TableCounts]) -> Table:
    from rich.table import Table

    table = Table("table", title="Rows", title_justify="left")
    for heading in ("read", "kept", "repeats", "quarantined", "revisions"):
        table.add_column(heading, justify="right")
    for name, counts in tables.items():
        table.add_row(name, *(f"{count:,}" for count in asdict(counts).values()))
    return table


def _rules(title: str, counts: tuple[RuleCount, ...]) -> Table:
    from rich.table import Table

    table = Table("table", "column", "rule", title=title, title_justify="left")
    table.add_column("count", justify="right")
    for count in counts:
        table.add_row(count.table, count.column, count.rule, f"{count.count:,}")
    return table
