"""Times as they are usually written, read all at once: `2025-03-31T09:00:00Z`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.compiled import compiled
from features.times import IntArray

LENGTH = 20  # of a time in whole seconds that ends with Z


@compiled()
def _two(text: IntArray, place: int) -> int:
    """The number that two digits say; a negative one where they are none."""
    tens, ones = text[place] - 48, text[place + 1] - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@compiled("boolean(uint8[::1], int64[::1])")
def _read(text: IntArray, micros: IntArray) -> bool:
    """Whether all texts of `LENGTH` bytes, one after the other, are times; which they are, into `micros`.

    The days are counted from March on, so that the leap day is the last of a year.
    """
    for i in range(len(micros)):
        at = i * 20
        century, years = _two(text, at), _two(text, at + 2)
        month, day = _two(text, at + 5), _two(text, at + 8)
        hour, minute, second = _two(text, at + 11), _two(text, at + 14), _two(text, at + 17)
        if min(century, years, hour, minute, second) < 0 or hour > 23 or minute > 59 or second > 59:
            return False
        dashes = text[at + 4] == 45 and text[at + 7] == 45 and text[at + 10] == 84
        if not (dashes and text[at + 13] == 58 and text[at + 16] == 58 and text[at + 19] == 90):
            return False
        if not 1 <= month <= 12:
            return False
        year = century * 100 + years
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        last = 30 if month in (4, 6, 9, 11) else 31
        if month == 2:
            last = 29 if leap else 28
        if year < 1 or not 1 <= day <= last:
            return False
        shifted = year - 1 if month <= 2 else year
        since_march = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
        days = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + since_march - 719468
        micros[i] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
    return True


def usual_instants(texts: Sequence[str]) -> list[int] | None:
    """Microseconds since 1970 of each text; None unless all are written in whole seconds with a Z.

    >>> usual_instants(["1970-01-02T00:00:00Z", "2024-02-29T12:30:59Z"])
    [86400000000, 1709209859000000]
    >>> usual_instants(["1970-01-02T00:00:00Z", "2025-02-29T12:30:59Z"]) is None
    True
    >>> usual_instants(["1970-01-02T00:00:00+01:00"]) is None
    True
    """
    if set(map(len, texts)) != {LENGTH}:
        return None
    joined = "".join(texts).encode()
    if len(joined) != LENGTH * len(texts):  # letters of several bytes
        return None
    micros = np.empty(len(texts), np.int64)
    read = _read(np.frombuffer(bytearray(joined), np.uint8), micros)
    return micros.tolist() if read else None
