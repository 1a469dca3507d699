"""Bundles brought from a tracking store into a folder that is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from features.errors import DataError
from serving.bundles import Delivery, Place, keep_record, pointed
from training.errors import BundleError

if TYPE_CHECKING:
    from training.labels import Target
    from training.tracking import Named, Tracking

Refuse = Callable[[str, str, BundleError], None]  # target, version, why


def wanted(tracking: Tracking, alias: str) -> dict[str, Named]:
    """The versions under an alias; raises DataError where there is none at all."""
    found = tracking.named(alias)
    if not found:
        raise DataError(
            f"tracking store {tracking.shown} has no {alias}; train one with `dealcast train DATA`"
        )
    return found


def place_of(target: str, named: Named) -> Place:
    """Where a version's bundle lies: the same version of another store has another folder."""
    return Place(named.version, f"{target}-{named.version}-{named.run_id[:8] or 'norun'}")


def pull_all(tracking: Tracking, alias: str, folder: Path) -> dict[str, str]:
    """Fetch what is not there yet and point to it, and the latest backtest; the versions by target.

    Raises:
        TrackingError: the store is away.
        BundleError: one does not load; what was served before stays.
    """
    versions = _deliver(tracking, folder, wanted(tracking, alias), None)
    keep_record(folder, tracking.forecast_record())
    return versions


def follow_to(tracking: Tracking, folder: Path, found: dict[str, Named], refuse: Refuse) -> dict[str, str]:
    """As `pull_all`, but a version that does not load leaves its target's former one in its place."""
    return _deliver(tracking, folder, found, refuse)


def _deliver(
    tracking: Tracking, folder: Path, found: dict[str, Named], refuse: Refuse | None
) -> dict[str, str]:
    delivery = Delivery(folder)
    try:
        for name, named in found.items():
            target = cast("Target", name)
            place = place_of(target, named)
            if delivery.has(target, place):
                continue
            tracking.fetch(target, named.version, delivery.place(target))
            try:
                delivery.add(target, place)
            except BundleError as error:
                if refuse is None:
                    raise
                refuse(target, named.version, error)
                before = pointed(folder).get(target)
                if before is not None:
                    delivery.keep(target, before)
        return delivery.finish()
    finally:
        delivery.discard()
