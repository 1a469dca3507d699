"""The feature frame as a table with its keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from features.agreed import conventions_of
from features.build import Entity, build_features
from features.canonical import TIME, CanonicalData
from features.conventions import Conventions
from features.from_tables import history_from_tables
from features.history import History
from features.norms import reference_of
from features.reference import Reference
from features.snapshots import Snapshots
from serving.files import read_snapshots
from training.labels import eligible


def feature_table(
    data: CanonicalData,
    entity: Entity,
    as_of: int | None,
    snapshots: Path | None,
    *,
    conventions: Conventions | None = None,
    reference: Reference | None = None,
) -> pl.DataFrame:
    """Keys and features: of everything eligible at `as_of`, or of the listed pairs in their order.

    Without a model's `conventions` and `reference` they are those known at the latest asked
    instant, so that nothing later shows.

    Raises:
        UnknownEntity: a listed pair names an entity that the data lack.
    """
    if snapshots is not None:
        asked = read_snapshots(snapshots, data.config.time_zone, entity)
        latest = int(asked.as_of.max()) if len(asked.as_of) else 0
        history = history_from_tables(data, conventions or conventions_of(data, latest))
        codes = history.opportunity_codes if entity == "opportunity" else history.account_codes
        chosen = Snapshots(codes(asked.ids), asked.as_of)
    else:
        assert as_of is not None
        latest = as_of
        history = history_from_tables(data, conventions or conventions_of(data, as_of))
        chosen = _everything(history, entity, as_of)
    frame = build_features(history, chosen, entity, reference or reference_of(history, latest))
    ids = history.opportunities.ids if entity == "opportunity" else history.accounts.ids
    keys = [
        pl.Series(f"{entity}_id", ids[chosen.entity].tolist(), dtype=pl.String),
        pl.Series("as_of", chosen.as_of).cast(TIME),
    ]
    return pl.DataFrame(keys).hstack(frame.to_polars())


def _everything(history: History, entity: Entity, as_of: int) -> Snapshots:
    """All open opportunities, or all accounts that order and have not left, at one instant."""
    count = len(history.opportunities.ids if entity == "opportunity" else history.accounts.ids)
    snapshots = Snapshots(np.arange(count, dtype=np.int64), np.full(count, as_of, np.int64))
    return snapshots.take(eligible("win" if entity == "opportunity" else "churn", history, snapshots))
