"""The study of the past that lies beside the models: read when asked for, and again when it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from features.errors import DataError

FILE = "study.json"
FORMAT = 1


class StudyDamaged(DataError):
    """The file beside the bundles is no study."""


@dataclass(frozen=True)
class Study:
    """A study that was read, or none.

    Attributes:
        mark: equal where the file is the same; "" where there is none.
        as_of: up to when it knows, ISO 8601; None where there is none.
        sections: by name, as `training.study` makes them.
    """

    mark: str
    as_of: str | None
    sections: Mapping[str, Any]

    def section(self, name: str) -> Mapping[str, Any]:
        """A section; empty where the study lacks it."""
        found: Mapping[str, Any] = self.sections.get(name, {})
        return found


NO_STUDY = Study("", None, {})


def study_in(bundles: Path) -> Study:
    """The study beside the bundles of a server.

    Raises:
        StudyDamaged: the file is no study of a format that this version reads.
    """
    path = bundles / FILE
    try:
        state = path.stat()
    except FileNotFoundError:
        return NO_STUDY
    return _read(path, f"{state.st_mtime_ns}.{state.st_size}.{state.st_ino}")


@lru_cache(maxsize=4)
def _read(path: Path, mark: str) -> Study:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError("another format")
        return Study(mark, str(found["as_of"]), dict(found["sections"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StudyDamaged(
            f"{path.name} beside the bundles is no study that this version reads ({error}); make it again"
            " with `dealcast study DATA`"
        ) from None
