"""How far refits agree with a reason, counted per behaviour and size of its points."""

from __future__ import annotations

import json

import numpy as np

from training.stability import stability_from, stability_of

SERVED = np.array([[0.01, 0.0], [0.02, 0.0], [-0.03, 0.0], [0.04, 0.0]])


def test_agreement_is_the_share_of_rows_and_refits_of_a_size_that_point_the_same_way() -> None:
    turned = SERVED * np.array([[-1], [1], [1], [1]])
    found = stability_of(("volume", "people"), SERVED, [SERVED, turned])
    assert found.refits == 2
    assert found.agreement["volume"] == (0.5, 1.0, 1.0, 1.0)  # the smallest turns in one of two
    assert found.of("volume", 0.005) == found.of("volume", -0.01) == 0.5
    assert found.of("volume", -0.9) == 1.0


def test_nothing_is_said_of_no_points_or_of_a_behaviour_that_never_has_any() -> None:
    found = stability_of(("volume", "people"), SERVED, [SERVED])
    assert found.of("volume", 0.0) is None
    assert found.of("people", 0.1) is None
    assert found.of("calendar", 0.1) is None


def test_it_is_the_same_after_json() -> None:
    found = stability_of(("volume", "people"), SERVED, [SERVED, -SERVED])
    assert stability_from(json.loads(json.dumps(found.to_dict()))) == found
