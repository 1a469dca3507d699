"""How far refits agree with a reason: kept in the bundle, given with each reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from tests.serving.conftest import T, Trained
from training.bundle import load_bundle


def test_a_trained_bundle_has_it_and_large_points_turn_less_often(trained: Trained) -> None:
    found = load_bundle(trained.bundle("win")).stability
    assert found is not None
    assert found.refits == 2
    ends = [(its[0], its[-1]) for its in found.agreement.values()]
    small, large = np.nanmean(np.array(ends, np.float64), axis=0)
    assert 0.4 < small < large <= 1.0


def test_a_bundle_made_before_there_was_any_loads_and_says_nothing(trained: Trained, tmp_path: Path) -> None:
    source = trained.bundle("win")
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    described = json.loads((tmp_path / "bundle.json").read_text("utf-8"))
    del described["stability"]
    (tmp_path / "bundle.json").write_text(json.dumps(described), "utf-8")
    assert load_bundle(tmp_path).stability is None


def test_each_reason_says_how_far_refits_agree_with_it(client: TestClient, trained: Trained) -> None:
    win = load_bundle(trained.bundle("win"))
    assert win.stability is not None
    page = client.get("/v1/opportunities", params={"as_of": T, "limit": 3}).json()["opportunities"]
    for name in (deal["opportunity_id"] for deal in page):
        answer = client.get(f"/v1/opportunities/{name}/score", params={"as_of": T, "explain": True}).json()
        for reason in answer["win"]["reasons"]:
            known = win.stability.of(reason["behaviour"], reason["points"])
            assert reason["stability"] == known
            assert known is None or 0 <= known <= 1
