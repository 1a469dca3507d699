"""The scored pipeline: every open deal at one moment, scored in one go and kept until something changes."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isnan
from typing import Any, Literal

import numpy as np

from features.times import BoolArray
from serving.answers import answer
from serving.histories import Histories
from serving.problems import Problem
from serving.scorer import Scorer, Scores
from serving.wording import Language
from training.labels import TARGETS

Sort = Literal[
    "win",
    "-win",
    "stall",
    "-stall",
    "churn",
    "-churn",
    "amount",
    "-amount",
    "opportunity_id",
    "-opportunity_id",
]

Place = tuple[bool, float | str, str]  # without a value last, the value, the id


@dataclass(frozen=True)
class Wanted:
    """Which deals are asked for, in which order, and after which place the page begins.

    Attributes:
        cursor: `next` of the page before.
    """

    rep_id: str | None = None
    team_id: str | None = None
    sort: Sort = "-win"
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, eq=False)
class Pipeline:
    """All open deals at one moment.

    Attributes:
        as_of: the moment, in microseconds.
        scores: of every open deal, without reasons.
        team_of: by rep, where known.
        data_as_of: up to when the data know, in microseconds.
        watermark: of the store; None for a folder.
        tag: equal where the answers are.
    """

    as_of: int
    scores: Scores
    team_of: Mapping[str, str]
    data_as_of: int | None
    watermark: int | None
    tag: str
    _orders: dict[Sort, list[tuple[Place, int]]] = field(default_factory=dict)

    @property
    def some_rep(self) -> str | None:
        """A rep with an open deal, None where there is none."""
        return next((rep for rep in self.scores.rep_ids if rep is not None), None)

    def page(self, wanted: Wanted) -> tuple[list[int], str | None]:
        """Places in `scores` of one page, and the cursor of the next. Raises Problem for a wrong cursor."""
        order = self._order(wanted.sort)
        begin = 0
        if wanted.cursor is not None:
            begin = bisect_right(order, _place_of(wanted), key=lambda pair: pair[0])
        chosen = (pair for pair in order[begin:] if self._is_wanted(pair[1], wanted))
        found = list(islice(chosen, wanted.limit + 1))
        page = [i for _, i in found[: wanted.limit]]
        if len(found) <= wanted.limit:
            return page, None
        return page, _cursor_of(wanted.sort, found[wanted.limit - 1][0])

    def answers(self, page: Sequence[int], language: Language) -> list[dict[str, Any]]:
        """The scores of a page as the API gives them, without reasons."""
        return [answer(self.scores, i, self.data_as_of, language) for i in page]

    def chosen(self, wanted: Wanted) -> BoolArray:
        """Which of the deals are those of the asked rep and team."""
        everything = range(len(self.scores))
        return np.fromiter((self._is_wanted(i, wanted) for i in everything), np.bool_, len(self.scores))

    def _order(self, sort: Sort) -> list[tuple[Place, int]]:
        if sort not in self._orders:
            pairs = [(_place(self.scores, sort, i), i) for i in range(len(self.scores))]
            self._orders[sort] = sorted(pairs)
        return self._orders[sort]

    def _is_wanted(self, i: int, wanted: Wanted) -> bool:
        rep = self.scores.rep_ids[i]
        if wanted.rep_id is not None and rep != wanted.rep_id:
            return False
        return wanted.team_id is None or self.team_of.get(rep) == wanted.team_id


def scored(scorer: Scorer, histories: Histories, as_of: int) -> tuple[Scores, dict[str, str]]:
    """The scores of every deal that is open at an instant (microseconds), and each rep's team."""
    ids = scorer.open_opportunities(histories, as_of)
    scores = scorer.score(histories, ids, np.full(len(ids), as_of, np.int64))
    reps = histories.under(scorer.conventions).reps
    teams = {
        name: reps.teams[code] for name, code in zip(reps.names, reps.team.tolist(), strict=True) if code >= 0
    }
    return scores, teams


def _place(scores: Scores, sort: Sort, i: int) -> Place:
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    own = scores.opportunity_ids[i]
    if name == "opportunity_id":
        return False, _turned(own) if falling else own, own
    column = scores.amount if name == "amount" else scores.targets[_TARGET_OF[name]].probability
    value = float(column[i])
    if isnan(value):
        return True, 0.0, own
    return False, -value if falling else value, own


_TARGET_OF = {str(target): target for target in TARGETS}


def _turned(text: str) -> str:
    """A text that sorts the other way round."""
    return "".join(chr(0x10FFFF - ord(sign)) for sign in text) + "\U0010ffff"


def _cursor_of(sort: Sort, place: Place) -> str:
    without, value, own = place
    text = json.dumps([sort, without, value if isinstance(value, float) else None, own])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place_of(wanted: Wanted) -> Place:
    cursor = wanted.cursor or ""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        sort, without, value, own = json.loads(urlsafe_b64decode(padded.encode()))
        if sort != wanted.sort or not isinstance(own, str) or not isinstance(without, bool):
            raise ValueError("of another question")
        if value is None:
            value = _turned(own) if sort.startswith("-") else own
        elif not isinstance(value, float):
            raise ValueError("no place")
    except (ValueError, TypeError):
        raise Problem(
            422, "invalid-request", "The request is not valid",
            "cursor: take it from `next` of the page before, and ask with the same `sort`",
        ) from None  # fmt: skip
    return without, value, own
