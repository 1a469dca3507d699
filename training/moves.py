"""Moves of the alias `champion`: one entry of the ledger each, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from features.errors import DataError

How = Literal["first", "gate", "forced", "rollback"]
State = Literal["done", "begun", "failed"]
LONGEST_WHY = 1000  # letters: an entry must fit into a parameter of MLflow whole


@dataclass(frozen=True)
class Move:
    """Who moved an alias of a target, when, from which version to which, how and why.

    Attributes:
        before: the version that had the alias; None for the first.
        how: `first`: nobody held it; `gate`: the rules let it in; `forced`: past the rules;
            `rollback`: back to the version before.
        by: the user.
        at: microseconds, by the clock of the user's machine.
        figures: of the comparison it was decided on.
        sequence: one more than the largest that was in the target's ledger when it was written:
            orders entries whatever the machines' clocks say.
        state: `done`; `begun`: written, but whether the alias moved was not told any more; `failed`.
        id: of the entry.
    """

    target: str
    alias: str
    before: str | None
    after: str
    how: How
    by: str
    at: int
    why: str
    figures: Mapping[str, float] = field(default_factory=dict)
    sequence: int = 0
    state: State = "begun"
    id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "figures": dict(self.figures)}

    def written(self) -> str:
        """What the ledger keeps: the entry without its state, which the store knows."""
        kept = {name: value for name, value in self.to_dict().items() if name not in ("state", "id")}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def read_move(text: str, state: State, identity: str) -> Move:
    """An entry from what `written` gave."""
    return Move(**json.loads(text), state=state, id=identity)


def checked_why(why: str) -> str:
    """The reason without blanks around it.

    Raises:
        DataError: it is longer than an entry holds.
    """
    why = why.strip()
    if len(why) > LONGEST_WHY:
        raise DataError(f"--why has {len(why):,} letters, at most {LONGEST_WHY:,} are kept; say it shorter")
    return why


def in_order(moves: Iterable[Move]) -> tuple[Move, ...]:
    """Entries as they were written: by sequence; two of the same moment by time, then by id."""
    return tuple(sorted(moves, key=lambda move: (move.target, move.sequence, move.at, move.id)))


def champions(moves: Iterable[Move]) -> list[str]:
    """The champion and those before it, to which one could go back, the present one last.

    A move puts a version on top, a rollback takes it off again. Where the alias was moved by other
    means, what a move found there comes below what it put.
    """
    stack: list[str] = []
    for move in moves:
        if move.state != "done":
            continue
        if move.before is not None and stack[-1:] != [move.before]:
            stack.append(move.before)
        if move.how == "rollback" and len(stack) > 1:
            stack.pop()
        if stack[-1:] != [move.after]:
            stack.append(move.after)
    return stack
