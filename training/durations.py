"""How long things take, and how they end, where some have not ended yet; and shares with intervals.

Kaplan and Meier's estimate of what is still going on, and Aalen and Johansen's (1978) of how much has ended
in each way by the last end that was seen. Shares have Wilson's interval (1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.times import FloatArray, IntArray

GOING_ON: Final = 0
_95: Final = 1.959964


@dataclass(frozen=True)
class Durations:
    """Of some beginnings.

    Attributes:
        times: float64, distinct, ascending: when something ended.
        going_on: the share that is still going on after each of `times`.
        ended: causes x times, the share that has ended in each way; with `going_on` they are 1.
        n: beginnings. decided: those that have ended.
    """

    times: FloatArray
    going_on: FloatArray
    ended: FloatArray
    n: int
    decided: int

    def quantile(self, share: float) -> float | None:
        """By when a share has ended; None where it is not known."""
        reached = self.times[self.going_on <= 1 - share + 1e-12]
        return float(reached[0]) if len(reached) else None

    def share(self, cause: int) -> float | None:
        """Of all beginnings, what has ended in a way (1 is the first) by the last end seen."""
        return float(self.ended[cause - 1, -1]) if len(self.times) else None

    def described(self) -> dict[str, Any]:
        """The quartiles that are known, JSON-ready."""
        return {
            "p25": self.quantile(0.25),
            "p50": self.quantile(0.5),
            "p75": self.quantile(0.75),
            "n": self.n,
        }


def durations(time: FloatArray, cause: IntArray, causes: int = 1) -> Durations:
    """The estimates from times, each up to an end or up to the last moment it was seen going on.

    Args:
        time: float64, >= 0. cause: 1 to `causes`, or `GOING_ON`.
    """
    times, place = np.unique(time, return_inverse=True)
    leaving = np.bincount(place, minlength=len(times))
    at_risk = len(time) - np.concatenate([[0], np.cumsum(leaving)[:-1]]) if len(times) else leaving
    ends = np.stack([np.bincount(place[cause == k], minlength=len(times)) for k in range(1, causes + 1)])
    staying = np.cumprod(1 - ends.sum(axis=0) / at_risk) if len(times) else np.zeros(0)
    before = np.concatenate([[1.0], staying[:-1]])[: len(times)]
    ended = np.cumsum(before * ends / np.maximum(at_risk, 1), axis=1)
    kept = ends.sum(axis=0) > 0
    return Durations(times[kept], staying[kept], ended[:, kept], len(time), int((cause != GOING_ON).sum()))


def share_of(part: int, whole: int) -> dict[str, Any]:
    """A share with its 95% interval by Wilson; null where the whole is 0.

    >>> share_of(3, 10)["low"] < 0.3 < share_of(3, 10)["high"]
    True
    """
    return with_interval(part / whole if whole else None, whole)


def with_interval(share: float | None, n: int) -> dict[str, Any]:
    """A share that so many cases tell of, with Wilson's interval."""
    if share is None or not n:
        return {"value": None, "low": None, "high": None, "n": n}
    pull = _95**2 / n
    middle = (share + pull / 2) / (1 + pull)
    half = _95 / (1 + pull) * float(np.sqrt(share * (1 - share) / n + pull / (4 * n)))
    return {"value": share, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0), "n": n}
