"""Statistics over many deals, as dated rows: what was known before a Monday, for the week that it begins.

A deal adds to its rep, team, kind, source, product, industry and stages once, at its close, by what
was known of it then; what is corrected later changes no row. A rep's load of open deals, and how
promptly he records, are counted each Monday. A row holds whole numbers only, running totals since
the beginning, and is kept where it differs from the week before. A snapshot reads the latest row
whose date is not after its `as_of`.

The reference is made once, at a model's training, and travels with it: the service, which may hold
one deal alone, sees the same rates as the training did.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from features.families.statistics import STATISTICS
from features.history import Reps
from features.times import MISSING, NEVER, BoolArray, IntArray

if TYPE_CHECKING:
    import polars as pl

ALL = ""  # the one key of the scope "all"
SCOPES = ("all", "rep", "team", "stage", "kind", "source", "product", "industry")
FILE = "reference.npz"
_MOST_ASKED = 4_096  # sets of names whose places are kept
_ARRAYS = ("first", "date", "rows", "team", "hired_at")


@dataclass(frozen=True, eq=False)
class Reference:
    """Dated rows of every group.

    Attributes:
        keys: (scope, name) of each group, sorted.
        first: int64, one more than there are keys: the rows of key k are first[k]:first[k + 1].
        date: int64 microseconds, ascending within a key; `MISSING` for what was always known.
        rows: int64, rows x `STATISTICS`. `seconds` are those of won deals: from creation to close,
            or, for a stage, spent in it; `open` and `reps` are as they stood, the rest totals.
        reps: the reps, their teams and since when.
    """

    keys: tuple[tuple[str, str], ...]
    first: IntArray
    date: IntArray
    rows: IntArray
    reps: Reps

    @property
    def given(self) -> bool:
        """False for the reference that says nothing."""
        return bool(self.keys or self.reps.names)

    @cached_property
    def index(self) -> Mapping[tuple[str, str], int]:
        """The place of each key."""
        return MappingProxyType({key: place for place, key in enumerate(self.keys)})

    @cached_property
    def rep_index(self) -> Mapping[str, int]:
        """The place of each rep in `reps`."""
        return MappingProxyType({name: place for place, name in enumerate(self.reps.names)})

    @cached_property
    def team_places(self) -> IntArray:
        """The key of each rep's team; -1 without one. One more, for an unknown rep."""
        of_team = [*self.places("team", self.reps.teams), -1]
        return np.array([*(of_team[team] for team in self.reps.team.tolist()), -1], np.int64)

    @cached_property
    def hash(self) -> str:
        """Hex digest: equal exactly where all rows and reps are."""
        digest = hashlib.sha256(repr((self.keys, self.reps.names, self.reps.teams)).encode())
        for array in (self.first, self.date, self.rows, self.reps.team, self.reps.hired_at):
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def rep_places(self) -> IntArray:
        """The key of each rep; -1 without a row. One more, for an unknown rep."""
        return np.append(self.places("rep", self.reps.names), -1)

    @cached_property
    def has_team(self) -> BoolArray:
        """Whether each rep has a team; the unknown rep behind them has none."""
        return np.append(self.reps.team >= 0, False)

    @cached_property
    def hired_at(self) -> IntArray:
        """When each rep was hired; `NEVER` for the unknown rep behind them."""
        return np.append(self.reps.hired_at, NEVER)

    def places(self, scope: str, names: Sequence[str]) -> IntArray:
        """The key of each of some names of a scope; -1 where the reference has none. Not to be written to:
        it is kept for who asks the same again."""
        asked = scope, tuple(names)
        found = self._asked.get(asked)
        if found is None:
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            places = [self.index.get((scope, name), -1) for name in names]
            found = self._asked[asked] = np.array(places, np.int64)
        return found

    @cached_property
    def _asked(self) -> dict[tuple[str, tuple[str, ...]], IntArray]:
        return {}

    def at(self, scope: str, name: str, as_of: int) -> dict[str, int] | None:
        """The row that holds at an instant; None where there is none."""
        place = self.index.get((scope, name))
        if place is None:
            return None
        low, high = self.first[place : place + 2].tolist()
        row = low + int(np.searchsorted(self.date[low:high], as_of, side="right")) - 1
        return dict(zip(STATISTICS, self.rows[row].tolist(), strict=True)) if row >= low else None

    def to_frame(self) -> pl.DataFrame:
        """One row per dated row: scope, name, date (null: always) and the statistics."""
        import polars as pl

        counts = np.diff(self.first)
        scopes, names = zip(*self.keys, strict=True) if self.keys else ((), ())
        place = np.repeat(np.arange(len(counts)), counts)
        date = pl.Series("date", self.date)
        return pl.DataFrame(
            [
                pl.Series("scope", scopes, pl.String).gather(place),
                pl.Series("name", names, pl.String).gather(place),
                date.set(date == MISSING, None).cast(pl.Datetime("us", "UTC")),
                *(pl.Series(name, self.rows[:, i]) for i, name in enumerate(STATISTICS)),
            ]
        )

    def save(self, folder: Path) -> None:
        """Write `reference.npz` into a folder: arrays, and their texts as JSON; no pickle."""
        texts = {"keys": self.keys, "reps": self.reps.names, "teams": self.reps.teams, "rows": STATISTICS}
        said = np.frombuffer(json.dumps(texts, ensure_ascii=False).encode(), np.uint8)
        np.savez_compressed(
            folder / FILE, texts=said, first=self.first, date=self.date, rows=self.rows, team=self.reps.team,
            hired_at=self.reps.hired_at,
        )  # fmt: skip


def nothing_known() -> Reference:
    """The reference that says nothing: every feature that needs one is not given."""
    empty = np.zeros(0, np.int64)
    reps = Reps((), (), empty, empty)
    return Reference((), np.zeros(1, np.int64), empty, np.zeros((0, len(STATISTICS)), np.int64), reps)


def load_reference(folder: Path) -> Reference:
    """A reference from the file of `Reference.save`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another version's statistics.
    """
    try:
        with (folder / FILE).open("rb") as file, np.load(file, allow_pickle=False) as read:
            texts = json.loads(read["texts"].tobytes())
            first, date, rows, team, hired_at = (read[name] for name in _ARRAYS)
            keys = tuple((str(scope), str(name)) for scope, name in texts["keys"])
            names, teams, columns = (tuple(texts[name]) for name in ("reps", "teams", "rows"))
    except (BadZipFile, EOFError, KeyError, OSError, zlib.error) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{FILE} is damaged") from error
    if columns != STATISTICS:
        raise ValueError(f"{FILE} holds the statistics of another version")
    return Reference(keys, first, date, rows, Reps(names, teams, team, hired_at))
