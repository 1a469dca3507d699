"""Receipts: what was said of a deal, by which versions, on which data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from serving.store.connections import Run
from serving.store.errors import UnknownPrediction
from serving.store.schema import RECEIPTS
from serving.store.statements import HISTORY, RECEIPT, Statements

_LAST = 2**62
_NAMES = tuple(column.name for column in RECEIPTS.c)


@dataclass(frozen=True)
class Receipt:
    """One score that was given.

    Attributes:
        prediction_id: follows from the question, the versions and the probabilities alone.
        as_of, given_at: microseconds.
        watermark: the `seq` up to which the store was read.
        probabilities: by target; None where it abstained.
        models: the version of each target's model; None where there was none.
        features: the hash of each model's ordered features.
        abstained: by target, why.
    """

    prediction_id: str
    opportunity_id: str
    as_of: int
    given_at: int
    watermark: int
    probabilities: Mapping[str, float | None]
    models: Mapping[str, str | None]
    features: Mapping[str, str | None]
    abstained: Mapping[str, str | None]


TARGETS = ("win", "stall", "churn")


def insert_receipts(run: Run, statements: Statements, tenant: int, receipts: Sequence[Receipt]) -> None:
    """Write each receipt that is not kept yet."""
    statements.insert_receipt.run(run, [(tenant, *_values(receipt)) for receipt in receipts])


def receipt_of(run: Run, statements: Statements, tenant: int, prediction_id: str) -> Receipt:
    """Raises UnknownPrediction."""
    asked = {"tenant": tenant, "prediction": prediction_id}
    found = run(statements.other[RECEIPT], asked).fetchone()
    if found is None:
        raise UnknownPrediction("no receipt of this id is kept")
    return _receipt(found)


def history_of(
    run: Run,
    statements: Statements,
    tenant: int,
    asked: tuple[str, int, tuple[int, int] | None],
) -> Sequence[tuple[int, Receipt]]:
    """The scores given of an opportunity, the latest first, each with its number.

    Args:
        asked: the opportunity, how many at most, and `as_of` and number of the last one seen.
    """
    opportunity_id, limit, before = asked
    as_of, seq = before or (_LAST, _LAST)
    named = {"opportunity": opportunity_id, "limit": limit, "before_as_of": as_of, "before_seq": seq}
    found = run(statements.other[HISTORY], {"tenant": tenant, **named}).fetchall()
    return [(row[0], _receipt(row)) for row in found]


def _values(receipt: Receipt) -> tuple[Any, ...]:
    return (
        receipt.given_at,
        receipt.prediction_id,
        receipt.opportunity_id,
        receipt.as_of,
        receipt.watermark,
        *(receipt.probabilities.get(target) for target in TARGETS),
        _written(tuple(receipt.models.items())),
        _written(tuple(receipt.features.items())),
        _written(tuple(receipt.abstained.items())),
    )


@lru_cache(maxsize=256)
def _written(pairs: tuple[tuple[str, str | None], ...]) -> str:
    """As JSON; nearly all receipts of a time say the same of versions and features."""
    return json.dumps(dict(pairs))


def _receipt(row: Sequence[Any]) -> Receipt:
    said = dict(zip(_NAMES, row, strict=True))
    return Receipt(
        said["prediction_id"],
        said["opportunity_id"],
        said["as_of"],
        said["received_at"],
        said["watermark"],
        {target: said[target] for target in TARGETS},
        json.loads(said["models"]),
        json.loads(said["features"]),
        json.loads(said["abstained"]),
    )
