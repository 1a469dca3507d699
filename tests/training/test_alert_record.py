"""Thresholds from a budget, and the record of alerts on weeks that did not choose them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.canonical import CanonicalData
from features.times import DAY
from training.alerts.budget import cut_of, share_interval, thresholds
from training.alerts.facts import Facts
from training.alerts.record import alerts
from training.alerts.rules import RULES, measurable, words
from training.dataset import Source
from training.errors import TooLittleData


@pytest.fixture(scope="module")
def studied(data: CanonicalData) -> dict[str, Any]:
    return alerts(data, data.watermark())


def facts(**values: float) -> Facts:
    """One deal, of which nothing is known but what is given."""
    from training.alerts.facts import NEEDED

    now = {name: np.array([values.get(name, np.nan)]) for name in NEEDED}
    before = {name: np.array([values.get(f"{name}_before", np.nan)]) for name in NEEDED}
    return Facts(now, before, np.array(["offer"], object), np.array(["r"], object))


def test_all_rules_together_keep_to_what_is_allowed_and_an_unused_part_goes_to_the_others() -> None:
    rng = np.random.default_rng(7)
    strengths = {"a": rng.random(1_000), "b": np.full(1_000, np.nan), "c": rng.integers(0, 5, 1_000) * 1.0}
    strengths["b"][:4] = 9.0
    found = thresholds(strengths, {"a": 0.0, "b": 1.0, "c": 0.0}, 304)
    given = {name: int((values >= found[name]).sum()) for name, values in strengths.items()}
    assert given["b"] == 4
    assert given["c"] == 0 or given["c"] <= 150
    assert 290 <= sum(given.values()) <= 304 or given["c"] == 0
    assert given["a"] >= 150


def test_ties_at_the_limit_stay_out_rather_than_break_the_budget() -> None:
    found = thresholds({"a": np.array([3.0, 2.0, 2.0, 2.0, 1.0])}, {"a": 0.0}, 2)
    assert found == {"a": 3.0}
    assert cut_of(np.array([3.0, 2.0, 2.0, np.nan]), 0.5, 0.0) == 3.0
    assert cut_of(np.array([3.0, 2.0, np.nan, np.nan]), 0.9, 2.5) == 2.5


def test_rows_of_one_deal_do_not_make_a_share_surer() -> None:
    came, deal = np.arange(40) % 2 == 0, np.arange(40)
    once = share_interval(came, deal)
    often = share_interval(np.repeat(came, 10), np.repeat(deal, 10))
    assert often == pytest.approx(once)
    all_came = share_interval(np.ones(40, np.bool_), deal)
    assert all_came[0] == 1.0
    assert all_came[1] < 0.95


def test_later_shares_lie_within_the_interval_nine_times_in_ten() -> None:
    rng = np.random.default_rng(31)
    inside = []
    for _ in range(400):
        rows = rng.integers(1, 8, 60)  # of each deal, which share one end
        deal = np.repeat(np.arange(60), rows)
        past, later = (np.repeat(rng.random(60) < 0.6, rows) for _ in range(2))
        _, low, high = share_interval(past, deal)
        inside.append(low <= later.mean() <= high)
    assert 0.85 <= np.mean(inside) <= 0.96


def test_the_budget_is_kept_on_the_weeks_that_did_not_choose(studied: dict[str, Any]) -> None:
    assert studied["chosen_on"][1] < studied["judged_on"][0]
    assert 1.5 <= studied["per_rep_week"] <= 4.5


def test_every_record_has_what_it_takes_to_be_judged_and_none_is_without_a_reason(
    studied: dict[str, Any],
) -> None:
    assert set(studied["rules"]) == set(RULES)
    for name, rule in studied["rules"].items():
        record = rule["record"]
        assert (record is None) == bool(rule["why"]), name
        if record is not None:
            assert record["low"] <= record["precision"] <= record["high"]
            assert record["deals"] >= 10
            assert 0 < record["new_per_week"] <= record["per_week"]
            assert record["lead_days"] is None or record["lead_days"] >= 0
    assert (
        studied["rules"]["gone_quiet"]["record"]["precision"]
        > studied["rules"]["gone_quiet"]["record"]["base_rate"]
    )


def test_later_records_change_no_study(data: CanonicalData, source: Source) -> None:
    earlier = source.cutoff - 30 * DAY
    assert alerts(data, earlier) == alerts(data.known_at(earlier), earlier)


def test_too_short_a_past_is_told_how_much_is_needed(data: CanonicalData) -> None:
    with pytest.raises(TooLittleData, match="alerts need 16 weeks"):
        alerts(data, int(data["opportunities"]["created_at"].min().timestamp() * 1e6) + 120 * DAY)


def test_a_deal_is_quiet_by_the_customers_last_sign_against_what_is_usual_there() -> None:
    told = facts(days_since_last_inbound=40.0, days_since_last_held=30.0)
    measured = RULES["gone_quiet"].measure(told, {"gone_quiet": {"offer": 10.0}})
    assert measured.strength.tolist() == [3.0]
    assert np.isnan(RULES["gone_quiet"].measure(facts(), {}).strength).all()


def test_a_key_contact_is_lost_only_while_others_answer() -> None:
    rule, usual = RULES["key_contact_lost"], {"key_contact_lost": {"": 10.0}}
    others = facts(days_since_last_decision_maker=30.0, days_since_last_inbound=2.0)
    assert rule.measure(others, usual).strength.tolist() == [3.0]
    nobody = facts(days_since_last_decision_maker=30.0, days_since_last_inbound=30.0)
    assert np.isnan(rule.measure(nobody, usual).strength).all()


def test_a_close_date_counts_as_pushed_in_the_week_it_was_pushed_and_as_passed_from_then_on() -> None:
    pushed = {"close_date_pushes": 2.0, "pushed_days_total": 44.0}
    rule = RULES["close_date_pushed"]
    assert rule.measure(facts(**pushed, close_date_pushes_before=1.0), {}).strength.tolist() == [44.0]
    assert np.isnan(rule.measure(facts(**pushed, close_date_pushes_before=2.0), {}).strength).all()
    passed = RULES["close_date_passed"]
    assert passed.measure(facts(overdue_days=0.5), {}).strength.tolist() == [0.5]
    assert np.isnan(passed.measure(facts(overdue_days=0.0), {}).strength).all()


def test_without_scores_the_rules_that_read_them_are_left_out() -> None:
    able = {name for name, rule in RULES.items() if measurable(rule, facts())}
    assert able == {name for name, rule in RULES.items() if rule.needs is None}


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_words_hold_the_values(name: str, chinese: bool) -> None:
    values = {
        "stall_probability": 0.875, "days_in_stage": 41.0, "silence_days": 33.0, "usual_days": 7.0,
        "days_since_last_decision_maker": 52.0, "overdue_days": 16.0, "close_date_pushes": 3.0,
        "pushed_days_total": 71.0, "dwell_over_norm": 2.4, "win_probability": 0.31,
        "win_probability_before": 0.47, "churn_probability": 0.62,
    }  # fmt: skip
    text = words(RULES[name], values, chinese=chinese)
    assert "{" not in text
    assert any(number in text for number in ("88%", "33", "52", "16", "71", "2.4", "47%", "62%"))
