"""`dealcast drift`: a table, a verdict, JSON, and an exit code that only `--strict` makes speak."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from features.canonical import CanonicalData
from features.times import DAY, from_micros
from tests.serving.conftest import Ran, Trained

Dealcast = Callable[..., Ran]


def test_every_champion_gets_its_verdict_and_all_is_kept_as_json(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    to = tmp_path / "drift.json"
    ran = dealcast("drift", trained.crm, "--tracking-uri", trained.uri, "--out", to)
    assert ran.code == 0, ran.err
    told = json.loads(to.read_text("utf-8"))
    assert told["days"] == 90
    assert set(told["models"]) == {"win", "stall", "churn"}
    for target, report in told["models"].items():
        assert report["version"] == "1"
        assert report["line"] in ran.out
        assert re.match(rf"{target}: \d+ of \d+ features drifted; expected log loss 0\.\d+ ", report["line"])
    drifted = [shift for shift in told["models"]["win"]["features"] if shift["drifted"]]
    assert drifted, "a sample that grows has rates and counts that move"
    assert "what is not as it was" in ran.out
    assert "closed deals of the rep" in ran.out


def test_only_strict_fails_on_drift(dealcast: Dealcast, trained: Trained) -> None:
    asked = ("drift", trained.crm, "--target", "win", "--top", "0", "--tracking-uri", trained.uri)
    plain, strict = dealcast(*asked), dealcast(*asked, "--strict")
    assert plain.code == 0
    assert not plain.out.strip().endswith("holds")
    assert plain.out == strict.out
    assert strict.code == 1
    assert "not as at training, or not to be judged: win" in strict.err


def test_a_target_that_cannot_be_judged_is_passed_over_or_said(dealcast: Dealcast, trained: Trained) -> None:
    early = ("drift", trained.crm, "--as-of", _early(trained.data), "--days", "7")
    all_of_them = dealcast(*early, "--tracking-uri", trained.uri)
    assert all_of_them.code == 0
    assert "win: passed over: win: only" in all_of_them.out
    assert "churn: 100% of the snapshots lie before the model's cut-off" in all_of_them.out
    alone = dealcast(*early, "--target", "win", "--tracking-uri", trained.uri)
    assert alone.code == 1
    assert "nothing can be said of fewer than 30; give more --days" in alone.err


def test_before_the_first_record_no_model_can_be_judged(dealcast: Dealcast, trained: Trained) -> None:
    ran = dealcast("drift", trained.crm, "--as-of", "2022-06-01", "--tracking-uri", trained.uri)
    assert ran.code == 1
    assert ran.out.count("passed over") == 3
    assert "no model could be judged" in ran.err


def test_an_alias_without_a_model_is_said(dealcast: Dealcast, trained: Trained) -> None:
    ran = dealcast("drift", trained.crm, "--alias", "nobody", "--tracking-uri", trained.uri)
    assert ran.code == 1
    assert "has no nobody; train one" in ran.err


def _early(data: CanonicalData) -> str:
    """Three weeks after the first deal."""
    first = data["opportunities"]["created_at"].dt.timestamp("us").min()
    assert isinstance(first, int)
    return from_micros(first + 21 * DAY).isoformat()
