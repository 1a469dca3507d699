"""What can go wrong with a store, told without HTTP."""

from __future__ import annotations

from features.errors import DataError


class StoreError(DataError):
    """The store cannot be used as asked."""


class StoreAway(StoreError):
    """The store does not answer, or stays locked; it may again later."""


class StoreFull(StoreError):
    """There is no room to write; nothing of what was asked is kept."""


class StoreMismatch(StoreError):
    """The store's tables are of another version of dealcast than this one."""


class KeyReused(StoreError):
    """An idempotency key came a second time with another body."""


class UnknownPrediction(StoreError):
    """No receipt of this id is kept."""
