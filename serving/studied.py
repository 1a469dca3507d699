"""What `dealcast study` found, read beside the bundles and read again when the file has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from serving.kept import Made
from serving.problems import Problem
from serving.wording import Language

FILE: Final = "study.json"
FORMAT: Final = 1
_COMMAND: Final = "`dealcast study DATA --out BUNDLES/study.json`"
_TEXTS: Final = frozenset(("en", "zh-CN"))


@dataclass(frozen=True)
class Section:
    """One section of a study, and the mark of the file it is from."""

    found: Mapping[str, Any]
    mark: tuple[int, int, int]


@dataclass(frozen=True)
class Studied:
    """The study of a folder of bundles; nothing is read before it is asked for."""

    folder: Path
    read: Made[Mapping[str, Any]] = field(default_factory=lambda: Made(1))

    def section(self, name: str) -> Section:
        """A section as the file has it now.

        Raises:
            Problem: 404 where there is no study, or it lacks the section; the detail says what to run.
        """
        path = self.folder / FILE
        try:
            stat = path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            found = self.read.of(mark, lambda: _read(path))
        except FileNotFoundError:
            raise _missing(f"there is no {FILE} beside the models; make it with {_COMMAND}") from None
        sections: Mapping[str, Any] = found["sections"]
        if name not in sections:
            why = found.get("left_out", {}).get(name)
            said = f"it was left out: {why}" if why else f"make it again with {_COMMAND}"
            raise _missing(f"the study has no section {name!r}; {said}")
        return Section(sections[name], mark)


def spoken(found: Any, language: Language) -> Any:
    """The same with each text in one language: what has exactly `en` and `zh-CN` becomes a text.

    >>> spoken({"note": {"en": "few deals", "zh-CN": "商机太少"}, "n": 3}, "zh-CN")
    {'note': '商机太少', 'n': 3}
    """
    if isinstance(found, Mapping):
        if found.keys() == _TEXTS:
            return found[language]
        return {name: spoken(value, language) for name, value in found.items()}
    return [spoken(each, language) for each in found] if isinstance(found, list) else found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT or "sections" not in found:
        raise _missing(f"{FILE} beside the models is damaged or of another version; make it with {_COMMAND}")
    return found


def _missing(detail: str) -> Problem:
    return Problem(404, "no-study", "No study to read", detail)
