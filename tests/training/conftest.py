"""What the tests of this floor share: literal histories in days, and models trained once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from features.canonical import CanonicalData
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.from_rows import history_from_rows
from features.history import History
from features.sample import make_sample
from features.times import DAY
from training.dataset import Source, labelled_frame, open_source
from training.labels import TARGETS, Target
from training.run import Trained, train_target

STAGES = ("lead", "demo", "offer")
Tell = Callable[..., History]


def _micros(day: float | None) -> int | None:
    return None if day is None else round(day * DAY)


@pytest.fixture(scope="session")
def tell() -> Tell:
    """Makes a history from a few rows whose times are days.

    deals: id -> (created, closed or None, outcome or None), all of account "a".
    moves: (deal, at, stage) or (deal, at, stage, recorded); stages are lead, demo, offer.
    orders: at or (at, recorded), all of account "a", or account -> such a list.
    churned: account -> when it left.
    """

    def told(
        deals: Mapping[str, tuple[float, float | None, str | None]] = {},
        moves: Sequence[tuple[Any, ...]] = (),
        orders: Sequence[Any] | Mapping[str, Sequence[Any]] = (),
        churned: Mapping[str, float] = {},
    ) -> History:
        by_account = orders if isinstance(orders, Mapping) else {"a": orders}
        clocks = [
            (account, *(order if isinstance(order, tuple) else (order, order)))
            for account, its in by_account.items()
            for order in its
        ]
        tables: dict[str, list[dict[str, Any]]] = {
            "accounts": [{"account_id": a, "churned_at": _micros(day)} for a, day in churned.items()],
            "opportunities": [
                {
                    "opportunity_id": name, "account_id": "a", "rep_id": "r",
                    "created_at": _micros(created), "closed_at": _micros(closed), "outcome": outcome,
                }
                for name, (created, closed, outcome) in deals.items()
            ],
            "stage_changes": [
                {
                    "opportunity_id": name, "at": _micros(at), "stage": stage,
                    "recorded_at": _micros(recorded[0] if recorded else at),
                }
                for name, at, stage, *recorded in moves
            ],
            "orders": [
                {
                    "order_id": f"o{i}", "account_id": account, "amount": 1.0,
                    "at": _micros(at), "recorded_at": _micros(recorded),
                }
                for i, (account, at, recorded) in enumerate(clocks)
            ],
        }  # fmt: skip
        return history_from_rows(tables, Conventions(STAGES))

    return told


@pytest.fixture(scope="session")
def data() -> CanonicalData:
    """800 made-up deals over two and a half years."""
    return make_sample(800, seed=1, dirt=False).data


@pytest.fixture(scope="session")
def source(data: CanonicalData) -> Source:
    return open_source(data, data.watermark())


@pytest.fixture(scope="session")
def trained(source: Source) -> Mapping[Target, Trained]:
    """One trained model per target."""
    return {target: train_target(source, target) for target in TARGETS}


@pytest.fixture(scope="session")
def frames(trained: Mapping[Target, Trained]) -> Mapping[Target, FeatureFrame]:
    """The features of every fortieth snapshot a model learnt from."""
    found = {}
    for target, made in trained.items():
        frame = labelled_frame(made.source, target).frame
        found[target] = FeatureFrame(frame.features, frame.values[::40].copy(), frame.names)
    return found
