"""The dictionary of features in README.md, made from the catalogue.

`python -m features.dictionary` prints it; with `--write` it is put into the README.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from features.catalog import BEHAVIOURS, FEATURES, Feature

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- dictionary: begin, made by `python -m features.dictionary --write` -->"
END = "<!-- dictionary: end -->"
_TITLES = {"opportunity": "Features of an opportunity", "account": "Features of an account"}


def dictionary() -> str:
    """Every feature of every entity, and the behaviours, as Markdown tables."""
    parts = [f"### {_TITLES[entity]}\n\n{_features(features)}" for entity, features in FEATURES.items()]
    return "\n".join([*parts, f"### Behaviours\n\n{_behaviours()}"])


def with_dictionary(text: str) -> str:
    """The text with what stands between the two markers made anew.

    Raises:
        ValueError: a marker is missing.
    """
    head, found, rest = text.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"a marker of the dictionary is missing; put back {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n\n{dictionary()}\n{END}{tail}"


def _features(features: Sequence[Feature]) -> str:
    rows = [
        (f"`{f.name}`", f.unit, f.behaviour, "yes" if f.actionable else "no", f.en, f.zh) for f in features
    ]
    return _table(("feature", "unit", "behaviour", "actionable", "en", "zh-CN"), rows)


def _behaviours() -> str:
    return _table(("behaviour", "en", "zh-CN"), [(b.name, b.en, b.zh) for b in BEHAVIOURS.values()])


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main(arguments: Sequence[str]) -> int:
    """Print the dictionary, or write it into the README; the process's exit code."""
    if list(arguments) == ["--write"]:
        README.write_text(with_dictionary(README.read_text(encoding="utf-8")), encoding="utf-8")
    elif arguments:
        print("usage: python -m features.dictionary [--write]", file=sys.stderr)
        return 2
    else:
        print(dictionary())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
