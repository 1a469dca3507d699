"""What past data say about a firm's own process: the sections of `study.json`, made by `dealcast study`.

A server fits nothing and follows no past: it reads this file beside the models. A section that the data
cannot carry is left out by name, with the reason, and stops no other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.canonical import CanonicalData
from features.errors import DataError
from features.times import iso
from training.alerts.groups import groups
from training.alerts.record import alerts
from training.bundle import Bundle
from training.dataset import open_source
from training.digest import digest_of
from training.dwell_rule import dwell_rule
from training.patterns import patterns
from training.team_figures import team
from training.watch import watch

FORMAT = 1
DAYS = 90  # of snapshots that are held against what a model learnt from
_MOST_SHIFTS = 12

Section = Callable[[CanonicalData, int], dict[str, Any]]
Progress = Callable[[str], object]


def dwell(data: CanonicalData, as_of: int) -> dict[str, Any]:
    """Whether a deal 30% longer in a stage than usual is a lost deal here; see `dwell_rule`."""
    return dwell_rule(open_source(data, as_of)).to_dict()


def drift_of(models: Mapping[str, tuple[Bundle, str]], days: int = DAYS) -> Section:
    """A section: each model, with its version, held against the snapshots of the last days; see `watch`.

    A model that cannot be judged stands under `left_out`, with the reason.
    """

    def drift(data: CanonicalData, as_of: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left_out: dict[str, str] = {}
        for target, (bundle, number) in models.items():
            try:
                found[target] = {"version": number} | watch(bundle, data, as_of, days).short(_MOST_SHIFTS)
            except DataError as error:
                left_out[target] = str(error)
        return {"days": days, "models": found, "left_out": left_out}

    return drift


SECTIONS: Mapping[str, Section] = MappingProxyType(
    {"alerts": alerts, "groups": groups, "dwell": dwell, "patterns": patterns, "team": team}
)


def study(
    data: CanonicalData, as_of: int, sections: Mapping[str, Section] = SECTIONS, *, tell: Progress = str
) -> dict[str, Any]:
    """All sections as the data were known at `as_of` (microseconds); JSON-ready.

    Args:
        sections: from a name to a function of the data and `as_of`, which looks at nothing recorded later.
        tell: is called with each section's name before it is made.
    """
    known = data.known_at(as_of)
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, make in sections.items():
        tell(name)
        try:
            found[name] = make(known, as_of)
        except DataError as error:
            left_out[name] = str(error)
    return {
        "format": FORMAT,
        "dealcast": version("dealcast"),
        "as_of": iso(as_of),
        "data_sha256": digest_of({name: frame for name, frame in known.tables.items() if len(frame)}),
        "sections": found,
        "left_out": left_out,
    }


def write_study(found: Mapping[str, Any], path: Path) -> None:
    """Write a study as JSON, whole or not at all: a server may be reading the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(found, file, ensure_ascii=False, indent=1, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
