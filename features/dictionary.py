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
_HEADING = (
    "feature", "unit", "range", "behaviour", "actionable", "en", "zh-CN", "not given", "definition",
)  # fmt: skip


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


def row_of(feature: Feature) -> tuple[str, ...]:
    """What the dictionary says of a feature, cell by cell."""
    return (
        f"`{feature.name}`",
        feature.unit,
        range_text(feature),
        feature.behaviour,
        "yes" if feature.actionable else "no",
        feature.en,
        feature.zh,
        feature.null or "never",
        feature.definition,
    )


def range_text(feature: Feature) -> str:
    """The values that a feature may have.

    >>> from features.catalog import OPPORTUNITY_FEATURES
    >>> texts = {feature.name: range_text(feature) for feature in OPPORTUNITY_FEATURES}
    >>> texts["calls_7d"], texts["weekday"], texts["amount"], texts["stage"]
    ('from 0', '1 to 7', 'any', 'text')
    """
    if feature.is_category:
        return "text"
    if feature.low is None:
        return "any" if feature.high is None else f"up to {feature.high:g}"
    return f"from {feature.low:g}" if feature.high is None else f"{feature.low:g} to {feature.high:g}"


def _features(features: Sequence[Feature]) -> str:
    return _table(_HEADING, [row_of(feature) for feature in features])


def _behaviours() -> str:
    return _table(("behaviour", "en", "zh-CN"), [(b.name, b.en, b.zh) for b in BEHAVIOURS.values()])


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(map(_cell, cells))} |\n" for cells in lines)


def _cell(text: str) -> str:
    """The text as it may stand in a cell: a bar would begin the next one."""
    return text.replace("|", "\\|")


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
