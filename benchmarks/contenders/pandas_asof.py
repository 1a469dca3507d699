"""pandas, prefix sums as in `pandas_prefix`, but the positions come from one `merge_asof` per window edge."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.columns import DAY
from benchmarks.contenders.pandas_prefix import EDGES, Position, columns_at
from benchmarks.contenders.pandas_tables import Tables, columns, prepare

__all__ = ["columns", "prepare", "run"]


def run(tables: Tables) -> pd.DataFrame:
    return columns_at(tables, _positions(tables))


def _positions(tables: Tables) -> Position:
    snapshots = tables.snapshots.reset_index(names="snapshot").sort_values("as_of", ignore_index=True)
    found = _looked_up(snapshots, tables.activities, EDGES)
    moves = _looked_up(snapshots, tables.stage_changes, {"moves": 0})
    return {**found, "first_move": moves["first"], "moves": moves["moves"]}


def _looked_up(snapshots: pd.DataFrame, records: pd.DataFrame, edges: dict[str, int]) -> Position:
    """The position at each edge; where nothing came before it, that of the opportunity's first record."""
    rows = pd.DataFrame(
        {
            "opportunity": records["opportunity"],
            "at": records["at"],
            "row": np.arange(1, len(records) + 1),
        }
    )
    first_row = rows.groupby("opportunity", sort=False)["row"].first() - 1
    first = snapshots["opportunity"].map(first_row).fillna(0).to_numpy("int64")
    rows = rows.sort_values("at", ignore_index=True)
    order = snapshots["snapshot"].to_numpy()
    found = {"first": _in_order(first, order)}
    for name, back in edges.items():
        asked = snapshots[["opportunity"]].assign(at=snapshots["as_of"] - back * DAY)
        row = pd.merge_asof(asked, rows, on="at", by="opportunity")["row"].to_numpy(
            "float64", na_value=np.nan
        )
        found[name] = _in_order(np.where(np.isnan(row), first, np.nan_to_num(row)).astype(np.int64), order)
    return found


def _in_order(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    placed = np.empty_like(values)
    placed[order] = values
    return placed
