"""Two models of when against each other: the worse timing loses, too few rows are an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from features.canonical import CanonicalData
from features.times import DAY, iso
from training.close import CloseBundle
from training.compare_close import CloseContender, compare_close
from training.dataset import Source
from training.errors import TooLittleData
from training.hazard import train_close
from training.labels import Target
from training.promotion import figures_of, refusals
from training.run import Trained

CUTOFF = "2024-06-03T00:00:00Z"


@pytest.fixture(scope="module")
def bundle(source: Source, trained: Mapping[Target, Trained]) -> CloseBundle:
    made = train_close(source, trained["win"]).bundle
    return replace(made, manifest={**made.manifest, "cutoff": CUTOFF})


def test_a_timing_that_is_far_too_late_is_refused_and_the_same_one_is_let_in(
    data: CanonicalData, trained: Mapping[Target, Trained], bundle: CloseBundle
) -> None:
    win, until = trained["win"].bundle, data.watermark()
    one = CloseContender("version 1", bundle)
    late = CloseContender("version 2", replace(bundle, shifts=bundle.shifts - 3.0))
    worse = compare_close(data, one, late, win, until)
    assert worse.target == "close"
    assert worse.figures["log_loss"].worse > 0.9
    assert "log_loss" in {each.rule for each in refusals(worse)}
    assert figures_of(worse)["log_loss_second"] > figures_of(worse)["log_loss_first"]
    assert compare_close(data, late, one, win, until).figures["log_loss"].better > 0.9
    assert refusals(compare_close(data, one, one, win, until)) == ()


def test_versions_that_know_all_the_data_cannot_be_compared_on_them(
    data: CanonicalData, trained: Mapping[Target, Trained], bundle: CloseBundle
) -> None:
    late = replace(bundle, manifest={**bundle.manifest, "cutoff": iso(data.watermark() - 91 * DAY)})
    one = CloseContender("version 1", late)
    with pytest.raises(TooLittleData, match="won within 13 weeks"):
        compare_close(data, one, one, trained["win"].bundle, data.watermark())
