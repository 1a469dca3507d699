"""The mapping of an event log: what it says, and what it must not say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from features.errors import ConfigError
from features.sources.mapping import RecordRule, Stage, event_log_mapping_from, read_event_log_mapping

MAPPING = """
stages = ["apply", { name = "offered", activities = ["offer", "offer again"] }]
[csv]
case_id = "case"
activity = "what"
timestamp = "when"
resource = "who"
[csv.opportunity]
amount = "sum"
[csv.extra]
at = "branch"
[pipeline]
time_zone = "Europe/Amsterdam"
[won]
activities = ["approve"]
[lost]
stage = "no"
activities = ["refuse"]
[activities.ring]
schedule = { kind = "task" }
complete = { kind = "call", outcome = "held", since = "start" }
"""


def test_a_mapping_says_what_each_name_means(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(MAPPING, encoding="utf-8")
    mapping = read_event_log_mapping(path)
    assert mapping.csv is not None
    assert mapping.csv.columns["extra.at"] == "branch"
    assert mapping.xes is None
    assert mapping.stages == (Stage("apply", ("apply",)), Stage("offered", ("offer", "offer again")))
    assert (mapping.won, mapping.lost) == (Stage("won", ("approve",)), Stage("no", ("refuse",)))
    assert mapping.records == (
        RecordRule("ring", "SCHEDULE", "task"),
        RecordRule("ring", "COMPLETE", "call", outcome="held", since="START"),
    )
    assert mapping.config.stages == ("apply", "offered")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[won]", "[wonn]", r"unknown key wonn \(allowed: csv, xes, stages, "),
        ("resource =", "resourse =", r"\[csv\]: unknown key resourse \(allowed: case_id, "),
        ('case_id = "case"\n', "", r"\[csv\]: case_id is missing"),
        ("amount =", "amout =", r"\[csv\.opportunity\]: unknown key amout \(allowed: created_at, amount"),
        ('at = "branch"', 'amount = "branch"', r"\[csv\.extra\] amount is a canonical name"),
        ("[csv]", '[csv]\nseparator = ";;"', "separator must be one character"),
        ('activities = ["approve"]', "", r"\[won\]: activities is missing"),
        ('activities = ["approve"]', 'activities = "approve"', r"\[won\]: activities must be a list"),
        ('["refuse"]', '["offer"]', "offer stands in more than one of stages, won, lost"),
        ('kind = "task"', 'kind = "tusk"', r"unknown kind 'tusk' \(allowed: call, email"),
        ('kind = "task"', 'outcome = "held"', "kind is missing"),
        ('kind = "task"', 'kind = "task", who = "x"', r"schedule: unknown key who \(allowed: kind, "),
        ('since = "start"', 'since = "complete"', "must name another lifecycle"),
        (
            'kind = "task" }',
            'kind = "task", since = "x" }\nx = { kind = "task", since = "start" }',
            "must name another",
        ),
        ('stages = ["apply"', "stages = [3", "each must be a name or"),
        ("[pipeline]", '[pipeline]\nstages = ["a"]', "stages comes from `stages`"),
        ("Europe/Amsterdam", "Europe/Amsterdamm", "unknown time_zone"),
        ("[pipeline]", "[pipeline]\nstall = 3", "unknown key stall"),
    ],
)
def test_a_mapping_that_is_not_understood_is_refused(old: str, new: str, message: str) -> None:
    assert old in MAPPING
    values = tomllib.loads(MAPPING.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        event_log_mapping_from(values, where="map.toml")


def test_a_mapping_file_must_be_there_and_be_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: no such mapping; examples/bpic2012\.toml"):
        read_event_log_mapping(tmp_path / "gone.toml")
    (tmp_path / "map.toml").write_text("stages = [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"map\.toml: not valid TOML"):
        read_event_log_mapping(tmp_path / "map.toml")
