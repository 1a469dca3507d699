"""What training and scoring must agree upon before a history can be read.

The order of the stages and the columns that may be used without a history come from
`pipeline.toml`; what it leaves open is worked out from what was known at one instant, and then
travels with the model, so that later records cannot change how earlier ones are read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

CATEGORICAL_FIELDS = ("kind", "source", "product")
NUMERIC_FIELDS = ("amount",)
TIME_FIELDS = ("expected_close_at",)
OWNER_FIELD = "rep_id"  # no feature of its own: it says whose habits of the reference count


@dataclass(frozen=True)
class Conventions:
    """How histories are read.

    Attributes:
        stages: the open stages in order.
        fixed: columns of `opportunities` taken from the row itself; every other one is taken
            from `field_changes` alone.
        time_zone: IANA name, in which a changed value without an offset is read and days begin.
        working_days: ISO weekdays, 1 is Monday.
        holidays: country of the public holidays, "DE" or with its part "DE-BY"; "" for none.
        categories, numbers: further columns that are features, of `opportunities`, or of
            `accounts` where written "accounts.NAME".
    """

    stages: tuple[str, ...]
    fixed: tuple[str, ...] = CATEGORICAL_FIELDS
    time_zone: str = "UTC"
    working_days: tuple[int, ...] = (1, 2, 3, 4, 5)
    holidays: str = ""
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Conventions], tuple[object, ...]]:
        return Conventions, self._values  # without the hash, which is another one in another process

    @cached_property
    def _hash(self) -> int:
        return hash(self._values)

    @property
    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, each.name) for each in fields(self))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The columns of a deal that have a history or are fixed, in the order the kernels know."""
        return (*NUMERIC_FIELDS, *TIME_FIELDS, *CATEGORICAL_FIELDS, OWNER_FIELD, *self.custom)

    @property
    def custom(self) -> tuple[str, ...]:
        """The further columns that are features."""
        return (*self.categories, *self.numbers)

    @cached_property
    def texts(self) -> frozenset[str]:
        """The fields that hold text."""
        return frozenset((*CATEGORICAL_FIELDS, OWNER_FIELD, *self.categories))
