"""Times as they are usually written, read all at once: `2025-03-31T09:00:00Z`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.compiled import compiled
from features.times import DAY, EARLIEST, LATEST, MISSING, IntArray

LENGTH = 20  # of a time in whole seconds that ends with Z
_NO_TIME = "-" * LENGTH  # stands for one that is not given
FIRST, LAST = EARLIEST + DAY, LATEST - DAY  # about the ends the exact rule is asked


@compiled()
def _two(text: IntArray, place: int) -> int:
    """The number that two digits say; a negative one where they are none."""
    tens, ones = text[place] - 48, text[place + 1] - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@compiled("int64(uint8[::1], int64[::1])")
def _read(text: IntArray, micros: IntArray) -> int:
    """The times that texts of `LENGTH` bytes, one after the other, are, into `micros`.

    Returns:
        how many are `_NO_TIME`; -1 where one is neither.

    The days are counted from March on, so that the leap day is the last of a year.
    """
    none = 0
    for i in range(len(micros)):
        at = i * 20
        if text[at] == 45:
            for k in range(20):
                if text[at + k] != 45:
                    return -1
            micros[i] = MISSING
            none += 1
            continue
        century, years = _two(text, at), _two(text, at + 2)
        month, day = _two(text, at + 5), _two(text, at + 8)
        hour, minute, second = _two(text, at + 11), _two(text, at + 14), _two(text, at + 17)
        if min(century, years, hour, minute, second) < 0 or hour > 23 or minute > 59 or second > 59:
            return -1
        dashes = text[at + 4] == 45 and text[at + 7] == 45 and text[at + 10] == 84
        if not (dashes and text[at + 13] == 58 and text[at + 16] == 58 and text[at + 19] == 90):
            return -1
        if not 1 <= month <= 12:
            return -1
        year = century * 100 + years
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        last = 30 if month in (4, 6, 9, 11) else 31
        if month == 2:
            last = 29 if leap else 28
        if year < 1 or not 1 <= day <= last:
            return -1
        shifted = year - 1 if month <= 2 else year
        since_march = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
        days = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + since_march - 719468
        micros[i] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
        if not FIRST <= micros[i] <= LAST:
            return -1
    return none


@compiled("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def put_latest(at: IntArray, told: IntArray, counts: IntArray, latest: IntArray) -> None:
    """Raise `latest` of each deal to when the last of its rows was recorded: `told`, or `at` where that is
    `MISSING`. The deals' rows lie one after the other, so many as `counts` says."""
    row = 0
    for deal in range(len(counts)):
        for _ in range(counts[deal]):
            known = at[row] if told[row] == MISSING else told[row]
            latest[deal] = max(latest[deal], known)
            row += 1


def usual_instants(texts: Sequence[str | None]) -> IntArray | None:
    """Microseconds since 1970 of each text, `MISSING` for None; None unless all are written in whole seconds
    with a Z and lie within the years that are read, but for their first and last days.

    >>> usual_instants(["1970-01-02T00:00:00Z", "2024-02-29T12:30:59Z"]).tolist()
    [86400000000, 1709209859000000]
    >>> usual_instants(["1970-01-02T00:00:00Z", "2025-02-29T12:30:59Z"]) is None
    True
    >>> usual_instants(["1970-01-02T00:00:00+01:00"]) is None
    True
    """
    given = [text or _NO_TIME for text in texts]
    if set(map(len, given)) != {LENGTH}:
        return None
    joined = "".join(given).encode()
    if len(joined) != LENGTH * len(given):  # letters of several bytes
        return None
    micros = np.empty(len(given), np.int64)
    none = _read(np.frombuffer(bytearray(joined), np.uint8), micros)
    return micros if none == texts.count(None) else None  # a text that looks like `_NO_TIME` is no time
