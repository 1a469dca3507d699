"""Two models of when on the same later data, by the chance of a win within 13 weeks that each would show.

Both are multiplied with the same win probability, so that only the timing differs; the log loss of what is
shown is then a proper score of it. The win model may know the data: that is the same for both. Rows are the
weekly snapshots of open deals after both cut-offs, of which 13 weeks are over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.build import build_features
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.snapshots import Snapshots
from features.times import WEEK, FloatArray, iso, parse_instant
from training.bundle import Bundle
from training.close import CLOSE, CloseBundle
from training.compare import Comparison
from training.compare_slices import dimensions_of, slices_of
from training.errors import TooLittleData
from training.grid import weekly_grid
from training.labels import eligible
from training.paired import Pair
from training.splits import LEAST_POSITIVE
from training.weeks_ahead import ends_of

JUDGED_WEEKS = 13


@dataclass(frozen=True)
class CloseContender:
    """A model of when under the name by which its user knows it."""

    name: str
    bundle: CloseBundle

    @property
    def cutoff(self) -> int:
        """Up to when its training knew anything, in microseconds."""
        return parse_instant(str(self.bundle.manifest["cutoff"]), name="cutoff")

    def probability(
        self, known: CanonicalData, ids: list[str], asked: Snapshots, win: FloatArray
    ) -> FloatArray:
        """Of a win within `JUDGED_WEEKS`, of each snapshot; `ids` are its deals'."""
        history = history_from_tables(known, self.bundle.conventions)
        own = Snapshots(history.opportunity_codes(ids), asked.as_of)
        frame = build_features(history, own, "opportunity", self.bundle.reference)
        return np.asarray(win * self.bundle.timing(frame).by(np.array([float(JUDGED_WEEKS)]))[:, 0])


def compare_close(
    data: CanonicalData, first: CloseContender, second: CloseContender, win: Bundle, until: int
) -> Comparison:
    """The second model of when against the first on what neither has seen.

    Args:
        win: whose probabilities both are shown with.
        until: microseconds; nothing recorded later is looked at.

    Raises:
        TooLittleData: of the snapshots after both cut-offs fewer than 20 were won within 13 weeks, or
            fewer than 20 were not.
    """
    known = data.known_at(until)
    begin, last = max(first.cutoff, second.cutoff), until - JUDGED_WEEKS * WEEK
    history = history_from_tables(known, win.conventions)
    grid = weekly_grid("win", history, last)
    snapshots = grid.take(grid.as_of > begin)
    snapshots = snapshots.take(eligible("win", history, snapshots))
    ends = ends_of(history, snapshots, until, win.policy)
    over = ends.over(JUDGED_WEEKS)
    label = ends.won_within(JUDGED_WEEKS)[over].astype(np.float64)
    judged = snapshots.take(over)
    ones = int(label.sum())
    if min(ones, len(label) - ones) < LEAST_POSITIVE:
        raise TooLittleData(
            f"{CLOSE}: of the snapshots from {iso(begin)} to {iso(last)} {ones} were won within"
            f" {JUDGED_WEEKS} weeks and {len(label) - ones} not; at least {LEAST_POSITIVE} of each are"
            " needed; give data that go on for longer, or compare versions trained earlier"
        )
    frame: FeatureFrame = build_features(history, judged, "opportunity", win.reference)
    ids = history.opportunities.ids[judged.entity].tolist()
    chance = win.probability(frame)
    one, two = (each.probability(known, ids, judged, chance) for each in (first, second))
    pair = Pair(one, two, label, np.ones(len(label)), judged.entity)
    return Comparison(
        CLOSE, first.name, second.name, begin, until, (len(label) - ones, ones),
        entities=len(np.unique(judged.entity)),
        censored=int((ends.counted & ~over).sum()),
        left_out=0,
        figures=pair.differences(),
        slices=slices_of(pair, dimensions_of("win", history, judged, frame)),
        shifts=(),
    )  # fmt: skip
