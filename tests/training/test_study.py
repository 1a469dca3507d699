"""The file that a server reads: sections, what is left out, and writing whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from features.canonical import CanonicalData
from features.errors import DataError
from features.times import DAY, iso
from training.dataset import Source
from training.study import SECTIONS, study, write_study


def _refusing(data: CanonicalData, as_of: int) -> dict[str, Any]:
    raise DataError("nothing to look at")


def _deals(data: CanonicalData, _as_of: int) -> dict[str, Any]:
    return {"deals": len(data["opportunities"])}


def _mark(data: CanonicalData, _as_of: int) -> dict[str, Any]:
    return {"watermark": data.watermark()}


def test_a_section_that_the_data_cannot_carry_stops_no_other(source: Source) -> None:
    told: list[str] = []
    sections = {"broken": _refusing, "rows": _deals}
    found = study(source.data, source.cutoff, sections, tell=told.append)
    assert found["sections"] == {"rows": {"deals": len(source.data["opportunities"])}}
    assert found["left_out"] == {"broken": "nothing to look at"}
    assert found["as_of"] == iso(source.cutoff)
    assert told == ["broken", "rows"]


def test_a_section_is_given_what_was_known_then_and_no_more(source: Source) -> None:
    earlier = source.cutoff - 365 * DAY
    found = study(source.data, earlier, {"mark": _mark})
    assert found["sections"]["mark"]["watermark"] <= earlier
    assert found["data_sha256"] != study(source.data, source.cutoff, {})["data_sha256"]


def test_the_file_is_whole_or_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bundles" / "study.json"
    write_study({"as_of": "2025-01-01"}, path)
    with pytest.raises(ValueError, match="Out of range"):
        write_study({"share": float("nan")}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"as_of": "2025-01-01"}
    assert [each.name for each in path.parent.iterdir()] == ["study.json"]


def test_the_dwell_rule_is_a_section() -> None:
    assert "dwell" in SECTIONS
