"""What the audit has to say: proofs, suspects and caveats, in columns, keys and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

EXAMPLES = 3


class Level(StrEnum):
    """How much a finding says."""

    PROOF = "proof"  # a snapshot is told what was not known then
    SUSPECT = "suspect"  # looks like it, and has an innocent explanation too
    CAVEAT = "caveat"  # what these data do not let anyone see


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: how much it says.
        rule: name of what was looked for.
        where: a table, a column, an activity's kind or a feature.
        evidence: a sentence with the counts.
        advice: what to do about it.
        counts: the numbers of the evidence by name.
        examples: up to three keys by which to look it up.
    """

    level: Level
    rule: str
    where: str
    evidence: str
    advice: str
    counts: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def first_keys(keys: pl.Series) -> tuple[str, ...]:
    """Up to three keys, the same for every order of the rows."""
    return tuple(keys.drop_nulls().unique().sort().head(EXAMPLES).to_list())
