"""What an audit found, as values, as text for a terminal and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from features.audit.findings import Finding, Level
from features.audit.lift import Lift
from features.audit.moments import Moment
from features.audit.proof import Comparison, Difference
from features.errors import DataError
from features.times import iso

JSON_FILE: Final = "audit.json"
MARKDOWN_FILE: Final = "audit.md"


class LeakFound(DataError):
    """An audit failed: a leak is proved, or, where that is asked for, suspected."""


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        seed: of all that was drawn; with the same data it gives the same report.
        moments: when the future was changed, and whose features were compared.
        comparisons: one per way of changing the future.
        lifts: every feature's own lift, greatest first; empty where too few deals are closed.
        closed: how many deals were won, and how many lost.
        findings: proofs by contradiction, suspects and caveats.
    """

    seed: int
    moments: tuple[Moment, ...]
    comparisons: tuple[Comparison, ...]
    lifts: tuple[Lift, ...]
    closed: tuple[int, int]
    findings: tuple[Finding, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every feature that moved with the future, by the way in which it was changed."""
        return tuple(one for comparison in self.comparisons for one in comparison.differences)

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(one.values for one in self.comparisons)

    @property
    def differing(self) -> int:
        """How many of them moved."""
        return sum(one.differing for one in self.comparisons)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level is level)

    @property
    def compared(self) -> str:
        """What was compared, in words: "150 opportunities x 70 features, ... x 6 ways"."""
        first = self.comparisons[0]
        groups = [
            f"{count:,} snapshots of {'opportunities' if entity == 'opportunity' else 'accounts'} x "
            f"{first.features[entity]} features"
            for entity, count in first.snapshots.items()
        ]
        return f"{' and '.join(groups)} x {len(self.comparisons)} ways of changing the future"

    def failure(self, *, strict: bool = False) -> str | None:
        """The one line that says why an audit fails; None where it does not."""
        parts = [*_moved(self.differences), *_proved(self.of(Level.PROOF))]
        if parts:
            return f"a leak is proved: {'; '.join(parts)}"
        suspects = self.of(Level.SUSPECT)
        if strict and suspects:
            return f"nothing is proved; with --strict suspects fail too: {_some(_places(suspects))}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return {
            "leak_proved": self.failure() is not None,
            "seed": self.seed,
            "moments": [
                {"as_of": iso(m.as_of), "opportunities": len(m.deals), "accounts": len(m.accounts)}
                for m in self.moments
            ],
            "comparisons": [
                {**asdict(one), "values": one.values, "differing": one.differing} for one in self.comparisons
            ],
            "closed_deals": dict(zip(("won", "lost"), self.closed, strict=True)),
            "lifts": [asdict(lift) for lift in self.lifts],
            **{f"{level}s": [asdict(finding) for finding in self.of(level)] for level in Level},
        }

    def render(self) -> str:
        """The report as text for a terminal, 100 characters wide."""
        from features.audit.pages import as_text, sections

        return as_text(sections(self))

    def to_markdown(self) -> str:
        """The report as a Markdown document."""
        from features.audit.pages import as_markdown, sections

        return as_markdown(sections(self))

    def write(self, folder: Path) -> None:
        """Write `audit.json` and `audit.md` into the folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
        (folder / MARKDOWN_FILE).write_text(self.to_markdown(), encoding="utf-8")


def _moved(differences: Sequence[Difference]) -> list[str]:
    """The features that moved with the future, in a few words; nothing where none did."""
    if not differences:
        return []
    features = list(dict.fromkeys(difference.feature for difference in differences))
    ways = ", ".join(dict.fromkeys(difference.way for difference in differences))
    return [f"{_some(features)} moved when the future was changed ({ways})"]


def _proved(findings: Sequence[Finding]) -> list[str]:
    return [f"the data contradict themselves in {_some(_places(findings))}"] if findings else []


def _places(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.where for finding in findings))


def _some(names: Sequence[str], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
