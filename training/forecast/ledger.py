"""The deals of a data set as a forecast reads them: who has them, what they are worth, in one currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.canonical import CanonicalData
from features.errors import DataError
from features.history import History, TextArray, text_array
from features.times import BoolArray, FloatArray, IntArray

COLUMNS = ("rep_id", "team_id", "region", "product", "source")
NOBODY = "(none)"


@dataclass(frozen=True)
class Ledger:
    """One entry per opportunity of a history, in the order of its codes.

    Attributes:
        counted: False for deals in another currency than the forecast's.
        amount: the last amount, float64; NaN where missing, 0 or negative.
        texts: each column of `COLUMNS`; `NOBODY` where empty.
        currency: of the forecast; "" where none is given anywhere.
        notes: what was left out or read otherwise than written, for people.
    """

    counted: BoolArray
    amount: FloatArray
    texts: dict[str, TextArray]
    currency: str
    notes: tuple[str, ...]

    def labels(self, rows: IntArray, by: Sequence[str]) -> list[tuple[str, ...]]:
        """The values of some columns for some deals."""
        columns = [self.texts[name][rows].tolist() for name in by]
        return list(zip(*columns, strict=True)) if by else [()] * len(rows)


@dataclass(frozen=True)
class Board:
    """All deals known at an instant, and the cell of each.

    Attributes:
        history: of the deals; as_of: microseconds.
        labels: per deal the values of the columns asked by; places: of those values among the cells.
    """

    history: History
    ledger: Ledger
    as_of: int
    labels: list[tuple[str, ...]]
    places: dict[tuple[str, ...], int]


class NoSuchCurrency(DataError):
    """No deal is in the currency that was asked for."""


def ledger_of(data: CanonicalData, history: History, currency: str | None = None) -> Ledger:
    """The ledger of all deals.

    Raises:
        DataError: the deals are in several currencies and nobody says which is meant.
    """
    ids = pl.DataFrame(
        {"opportunity_id": history.opportunities.ids.tolist()}, schema={"opportunity_id": pl.String}
    )
    reps = data["reps"].select("rep_id", "team_id", "region").unique("rep_id", maintain_order=True)
    deals = ids.join(data["opportunities"], on="opportunity_id", how="left", maintain_order="left")
    deals = deals.join(reps, on="rep_id", how="left", maintain_order="left")
    chosen, counted, notes = _one_currency(deals, currency or data.config.currency)
    amount = deals["amount"].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    negative = int((amount < 0).sum())
    if negative:
        notes.append(f"{negative:,} deals have a negative amount, which is read as missing")
    amount[~(amount > 0)] = np.nan
    texts = {name: text_array(deals[name].fill_null(NOBODY).to_list()) for name in COLUMNS}
    return Ledger(counted, amount, texts, chosen, tuple(notes))


def with_reps(ledger: Ledger, data: CanonicalData, rows: IntArray, reps: TextArray) -> dict[str, TextArray]:
    """The columns of some deals, owned as they were at an instant."""
    table = data["reps"].unique("rep_id", maintain_order=True)
    team = dict(zip(table["rep_id"].to_list(), table["team_id"].to_list(), strict=True))
    region = dict(zip(table["rep_id"].to_list(), table["region"].to_list(), strict=True))
    owners = [str(rep) if rep is not None else NOBODY for rep in reps.tolist()]
    found = {name: values[rows] for name, values in ledger.texts.items()}
    found["rep_id"] = text_array(owners)
    found["team_id"] = text_array([team.get(rep) or NOBODY for rep in owners])
    found["region"] = text_array([region.get(rep) or NOBODY for rep in owners])
    return found


def check_columns(by: Sequence[str]) -> None:
    """Raises DataError unless all are columns that a forecast can be asked by."""
    for name in by:
        if name not in COLUMNS:
            raise DataError(f"--by {name}: no such column (allowed: {', '.join(COLUMNS)})")
    if len(set(by)) < len(by):
        raise DataError("--by names a column twice")


def won_between(history: History, ledger: Ledger, begin: int, end: int) -> IntArray:
    """Codes of the deals won with an amount between two instants, begin inclusive, end exclusive."""
    deals = history.opportunities
    inside = (deals.closed_at >= begin) & (deals.closed_at < end) & deals.won
    return np.flatnonzero(inside & ledger.counted & (ledger.amount > 0))


def _one_currency(deals: pl.DataFrame, wanted: str) -> tuple[str, BoolArray, list[str]]:
    """The currency, which deals are in it, and notes; deals without a currency are in it."""
    found = deals["currency"].drop_nulls().value_counts(sort=True)
    counts = dict(zip(found["currency"].to_list(), found["count"].to_list(), strict=True))
    if len(counts) > 1 and not wanted:
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise DataError(
            f"the deals are in several currencies ({told}), which cannot be added up; name the one to"
            " forecast as `currency`, or convert the amounts and set `currency` in pipeline.toml"
        )
    chosen = wanted or next(iter(counts), "")
    if wanted and counts and wanted not in counts:
        raise NoSuchCurrency(f"no deal is in {wanted} (found: {', '.join(counts)})")
    counted = (deals["currency"].is_null() | (deals["currency"] == chosen)).to_numpy()
    others = int((~counted).sum())
    notes = [f"{others:,} deals in other currencies than {chosen} are left out"] if others else []
    return chosen, np.asarray(counted, np.bool_), notes
