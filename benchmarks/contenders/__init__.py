"""The contenders: each a module with `prepare(folder, threads)`, `run(prepared)` and `columns(result)`.

`prepare` loads the contender's own form into memory and is not counted, `run` is timed, `columns` turns
its result into arrays to be held against brute force. A module that has a `SAMPLE` computes so many of
the snapshots only, and its time is scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Contender:
    """One row of the report.

    Attributes:
        module: in this package.
        says: the formulation, in a few words.
        packages: whose versions are told.
        part: the attribute of the module that holds the three functions; the module itself if empty.
        both_clocks: told under both clocks, and so held against brute force under both.
        environment: a name in `benchmarks.environments`; the project's own if empty.
        default: runs where no contenders are named; the others are formulations that were slower.
    """

    module: str
    says: str
    packages: tuple[str, ...]
    part: str = ""
    both_clocks: bool = False
    environment: str = ""
    default: bool = True


REFERENCE, HISTORY = "dealcast", "dealcast-history"  # what the ratios are to

_POLARS, _DUCKDB = ("polars",), ("duckdb", "pyarrow")
_PANDAS, _DEALCAST = ("pandas", "numpy"), ("dealcast", "numpy", "numba", "polars")

CONTENDERS: Mapping[str, Contender] = MappingProxyType(
    {
        REFERENCE: Contender(
            "dealcast", "both clocks, history ready", _DEALCAST, "FEATURES", both_clocks=True
        ),
        HISTORY: Contender("dealcast", "canonical tables to history", _DEALCAST, "HISTORY", both_clocks=True),
        "dealcast-catalogue": Contender(
            "dealcast", "every feature of the catalogue", _DEALCAST, "CATALOGUE", both_clocks=True
        ),
        "polars": Contender("polars_prefix", "prefix sums, binary search", _POLARS),
        "polars-asof": Contender("polars_asof", "prefix sums, join_asof", _POLARS, default=False),
        "polars-join": Contender("polars_join", "join, conditional aggregates", _POLARS, default=False),
        "duckdb": Contender("duckdb_packed", "join, packed conditional aggregates", _DUCKDB),
        "duckdb-join": Contender("duckdb_join", "join, conditional aggregates", _DUCKDB, default=False),
        "duckdb-steps": Contender("duckdb_steps", "join, age classes, windows", _DUCKDB, default=False),
        "duckdb-asof": Contender("duckdb_asof", "running sums, ASOF joins", _DUCKDB, default=False),
        "pandas": Contender("pandas_prefix", "prefix sums, searchsorted", _PANDAS),
        "pandas-asof": Contender("pandas_asof", "prefix sums, merge_asof", _PANDAS, default=False),
        "pandas-join": Contender("pandas_join", "merge, grouped sums of masks", _PANDAS, default=False),
        "featuretools": Contender(
            "featuretools_windows",
            "cut-off times, training windows",
            ("featuretools", "pandas"),
            environment="featuretools",
        ),
    }
)
