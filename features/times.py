"""Instants as int64 microseconds since 1970-01-01T00:00Z: the one unit of time inside the house."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.errors import DataError

IntArray = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
UInt64Array = npt.NDArray[np.uint64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
NEVER: Final = int(np.iinfo(np.int64).max)  # later than every snapshot: not closed, not known
MISSING: Final = int(np.iinfo(np.int64).min)  # no such time; as a NaT's own bits

# Beyond these years a time is a typing error or a stand-in for "never"; both inclusive.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200

ISO_8601: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?"
    r" ?(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?$"
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()


def parse_instant(text: str, time_zone: str = "UTC", *, name: str = "as_of") -> int:
    """Microseconds of an ISO 8601 time; without an offset it is read in `time_zone`.

    >>> parse_instant("2012-01-15T00:00:00Z")
    1326585600000000
    >>> parse_instant("2012-01-15", "Europe/Amsterdam") - parse_instant("2012-01-15")
    -3600000000

    Raises:
        DataError: the text is no ISO 8601 time; `name` says in the message what it was for.
    """
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DataError(
            f"{name} is not an ISO 8601 time: {text!r}; write it as 2025-03-31 or 2025-03-31T09:00:00Z"
        ) from None
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise DataError(f"{name} lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return to_micros(when, time_zone)


def to_micros(when: datetime, time_zone: str = "UTC") -> int:
    """Microseconds of a datetime; a naive one is read in `time_zone`. Exact, no float on the way."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=ZoneInfo(time_zone))
    try:
        elapsed = when - _EPOCH
    except OverflowError:
        raise DataError("a time lies before the year 1 or after the year 9999 in UTC") from None
    return (elapsed.days * 86_400 + elapsed.seconds) * SECOND + elapsed.microseconds


EARLIEST: Final = to_micros(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
LATEST: Final = to_micros(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)) - 1


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return datetime.fromtimestamp(micros // SECOND, UTC).replace(microsecond=micros % SECOND)


def iso(micros: int) -> str:
    """An instant as ISO 8601 in UTC with a `Z`, microseconds only where there are any.

    >>> iso(1326585600000000)
    '2012-01-15T00:00:00Z'
    """
    days, rest = divmod(micros, DAY)
    seconds, fraction = divmod(rest, SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    clock = f"{_date(days)}T{hour:02}:{minute:02}:{second:02}"
    return f"{clock}.{fraction:06}Z" if fraction else f"{clock}Z"


@lru_cache(maxsize=4_096)
def _date(days: int) -> str:
    """A day since 1970 as ISO 8601."""
    return date.fromordinal(days + _EPOCH_DAY).isoformat()
