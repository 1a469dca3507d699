"""BG/NBD: repeat orders as a Poisson process that may end after any order.

Fader, Hardie and Lee 2005, "Counting your customers" the easy way, Marketing Science 24(2),
10.1287/mksc.1040.0098. An active customer orders with rate lambda ~ Gamma(r, alpha) and leaves after
each order with chance p ~ Beta(a, b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import FloatArray

PUBLISHED = (
    0.243,
    4.414,
    0.793,
    2.426,
)  # r, alpha, a, b on the 1/10 sample of CDNOW, in weeks (their table 2)


@dataclass(frozen=True)
class Purchases:
    """One entry per customer.

    Attributes:
        repeats: days with an order after the first one.
        recency: time from the first to the last order; 0 without a repeat.
        age: time from the first order to the end of the observation; in the same unit.
    """

    repeats: FloatArray
    recency: FloatArray
    age: FloatArray


@dataclass(frozen=True)
class BgNbd:
    """The four numbers of a fit, in the unit of time of its data."""

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, seen: Purchases) -> FloatArray:
        """The chance that each customer has not left (their equation for a customer with x >= 1; else 1)."""
        x, with_repeats = seen.repeats, seen.repeats > 0
        odds = self.a / (self.b + np.maximum(x, 1.0) - 1.0)
        odds = odds * ((self.alpha + seen.age) / (self.alpha + seen.recency)) ** (self.r + x)
        return np.where(with_repeats, 1.0 / (1.0 + odds), 1.0)

    def orders_again(self, seen: Purchases, time: float) -> FloatArray:
        """The chance of at least one order within a time from now on.

        Alive, the rate is Gamma(r + x, alpha + T), and nobody leaves but at an order:
        P(none | alive) = ((alpha + T) / (alpha + T + t)) ** (r + x).
        """
        still = self.alpha + seen.age
        return self.alive(seen) * (1.0 - (still / (still + time)) ** (self.r + seen.repeats))


def fit_bgnbd(seen: Purchases) -> BgNbd:
    """The parameters of the greatest likelihood (their equation 6)."""
    from scipy.optimize import minimize

    def loss(logs: FloatArray) -> float:
        return -float(_log_likelihood(BgNbd(*np.exp(logs).tolist()), seen).mean())

    tries = [minimize(loss, np.log(start), method="Nelder-Mead", options=_CLOSE) for start in _STARTS]
    return BgNbd(*np.exp(min(tries, key=lambda found: found.fun).x).tolist())


_CLOSE = {"maxiter": 5_000, "maxfev": 5_000, "xatol": 1e-7, "fatol": 1e-11}
_STARTS = ((1.0, 1.0, 1.0, 1.0), (0.2, 5.0, 0.5, 3.0))


def _log_likelihood(model: BgNbd, seen: Purchases) -> FloatArray:
    from scipy.special import betaln, gammaln

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x = seen.repeats
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + seen.age)
    some = np.maximum(x, 1.0)
    left = betaln(a + 1, b + some - 1) - betaln(a, b) - (r + x) * np.log(alpha + seen.recency)
    return np.asarray(common + np.where(x > 0, np.logaddexp(stayed, left), stayed))
