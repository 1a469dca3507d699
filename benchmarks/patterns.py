"""`python -m benchmarks.patterns`: what is named as going with winning where the truth is known.

Three worlds, each over several seeds: the sample CRM, whose causes are listed in its CAUSES.md; deals of good
reps who call more, where calls do nothing (`tests/training/busy_worlds.py`); and either with the outcomes
dealt out anew, where nothing goes with winning.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from features.canonical import CanonicalData
from features.sample import make_sample
from features.sample.setting import END as SAMPLE_END
from tests.training.busy_worlds import END, PLANTED, busy_world, shuffled
from training.patterns import patterns

# What measures a cause of the sample: replies, meetings, contacts, silence, dwell, pushes, slow answers.
OF_THE_SAMPLE = frozenset(
    {
        "inbound_30d",
        "decision_maker_meetings",
        "contacts_reached_total",
        "days_since_last_inbound",
        "days_since_last_held",
        "days_in_stage",
        "close_date_pushes",
        "mean_response_hours",
        "lead_response_hours",
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--opportunities", type=int, default=2000)
    asked = parser.parse_args()
    seeds = range(asked.seeds)
    sample = lambda seed: make_sample(asked.opportunities, seed=seed, dirt=False).data  # noqa: E731
    _say("sample CRM", seeds, sample, SAMPLE_END, OF_THE_SAMPLE)
    _say("busy reps", seeds, busy_world, END, frozenset(PLANTED))
    _say("sample CRM, outcomes anew", seeds, lambda s: shuffled(sample(s), s), SAMPLE_END, frozenset())
    _say("busy reps, outcomes anew", seeds, lambda s: shuffled(busy_world(s), s), END, frozenset())


def _say(
    name: str, seeds: Sequence[int], world: Callable[[int], CanonicalData], end: int, planted: frozenset[str]
) -> None:
    """One line: what is named, with and without adjustment, over all seeds."""
    found = [patterns(world(seed), end) for seed in seeds]
    named = [_named(each) for each in found]
    alone = [_named(each, "unadjusted") for each in found]
    wrong = [feature for its in named for feature in its if feature not in planted]
    tops = [entry["feature"] in planted for each in found for entry in each["behaviours"][:3]]
    judged = sum(len(each["behaviours"]) for each in found)
    print(
        f"{name}: {len(found)} seeds, {judged} behaviours judged, {sum(map(len, named))} named, of them"
        f" {len(wrong)} not planted {sorted(wrong)}; top three planted {sum(tops)} of {len(tops)};"
        f" without adjustment {sum(map(len, alone))} named,"
        f" {sum(f not in planted for its in alone for f in its)} not planted;"
        f" calls named {sum('calls_30d' in its for its in named)},"
        f" without adjustment {sum('calls_30d' in its for its in alone)}",
        flush=True,
    )


def _named(found: dict[str, Any], key: str = "") -> list[str]:
    return [each["feature"] for each in found["behaviours"] if (each[key] if key else each)["named"]]


if __name__ == "__main__":
    main()
