"""Many deals scored as if something had been done about each, out of one walk over columns.

A feature reads the records of its deal and of the deal's account alone. So trials of different accounts
stand in one history together, and there are as many histories as an account has trials at most. They differ
in their activities alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from features.canonical import TIME
from features.conventions import OWNER_FIELD
from features.from_tables import histories_with
from features.history import History
from features.times import FloatArray
from serving.actions import Action, actions_of
from serving.around import Indexed, Records
from serving.histories import Histories
from serving.scorer import Scorer

if TYPE_CHECKING:
    from features.canonical import CanonicalData


_SHARE, _FEW = 0.25, 300  # of so many accounts: where fewer have a trial left, records are chosen anew


@dataclass(frozen=True)
class Trial:
    """A deal, what is done about it (None: nothing), and when it is scored: microseconds after the moment."""

    opportunity_id: str
    action: Action | None
    ahead: int


def around_deals(index: Indexed, opportunity_ids: Sequence[str]) -> CanonicalData:
    """The records that scores of these opportunities read: theirs and those of their accounts."""
    own = index.rows("opportunities", opportunity_id=opportunity_ids)
    account = own["account_id"].unique().to_list()
    deals = index.rows("opportunities", account_id=account)
    deal = deals["opportunity_id"].to_list()
    activities = index.rows("activities", account_id=account, opportunity_id=deal)
    named = activities["contact_id"].drop_nulls().unique().to_list()
    found = {
        "opportunities": deals,
        "activities": activities,
        "contacts": index.rows("contacts", account_id=account, contact_id=named),
        **{name: index.rows(name, account_id=account) for name in ("accounts", "orders")},
        **{
            name: index.rows(name, opportunity_id=deal)
            for name in ("stage_changes", "field_changes", "leads")
        },
    }
    return replace(index.data, tables={**index.data.tables, **found})


def actions_of_each(
    known: CanonicalData, opportunity_ids: Sequence[str], as_of: int
) -> dict[str, list[Action]]:
    """The same as `actions.actions_of` of each opportunity.

    Args:
        known: what was known at `as_of` (microseconds) around them; see `around_deals`.
    """
    own_rows = pl.col("opportunity_id").is_in(opportunity_ids)
    owners = pl.col("field") == OWNER_FIELD
    of_deal = {
        "opportunities": _by(known["opportunities"].filter(own_rows), "opportunity_id"),
        "activities": _by(known["activities"].filter(own_rows), "opportunity_id"),
        "field_changes": _by(known["field_changes"].filter(own_rows & owners), "opportunity_id"),
    }
    contacts = _by(known["contacts"], "account_id")
    found = {}
    for deal in opportunity_ids:
        own: Records = {name: its.get(deal, []) for name, its in of_deal.items()}
        account = own["opportunities"][0]["account_id"]
        found[deal] = actions_of({**own, "contacts": contacts.get(account, [])}, deal, as_of)
    return found


def tried(scorer: Scorer, known: CanonicalData, trials: Sequence[Trial], as_of: int) -> FloatArray:
    """The win probability of each trial, in their order.

    Args:
        known: what was known at `as_of` (microseconds) around the deals; see `around_deals`.
    """
    deals = known["opportunities"]
    account_of = dict(zip(deals["opportunity_id"].to_list(), deals["account_id"].to_list(), strict=True))
    by_account: dict[str, list[int]] = defaultdict(list)
    for i, trial in enumerate(trials):
        by_account[account_of[trial.opportunity_id]].append(i)
    rounds = [
        [its[place] for its in by_account.values() if len(its) > place]
        for place in range(max(map(len, by_account.values()), default=0))
    ]
    probability = np.full(len(trials), np.nan)
    for some in _while_many(rounds):
        if len(some[0]) < len(by_account):  # of fewer accounts fewer records
            known = around_deals(Indexed(known), [trials[i].opportunity_id for i in some[0]])
        supposed = [_left_by([trials[i] for i in now], known["activities"]) for now in some]
        histories = histories_with(known, scorer.conventions, supposed)
        for now, history in zip(some, histories, strict=True):
            probability[now] = _scored(scorer, history, [trials[i] for i in now], as_of)
    return probability


def _while_many(rounds: Sequence[list[int]]) -> list[list[list[int]]]:
    """Rounds that follow each other, as long as they have at least a share of the first one's trials: to
    choose records anew costs as much as some rounds over those of few accounts."""
    found: list[list[list[int]]] = []
    for now in rounds:
        first = len(found[-1][0]) if found else 0
        if not found or (first > _FEW and len(now) < _SHARE * first):
            found.append([])
        found[-1].append(now)
    return found


def _scored(scorer: Scorer, history: History, trials: Sequence[Trial], as_of: int) -> FloatArray:
    ids = [trial.opportunity_id for trial in trials]
    times = np.array([as_of + trial.ahead for trial in trials], np.int64)
    return scorer.score(Histories(lambda _: history), ids, times).targets["win"].probability


def _left_by(trials: Sequence[Trial], like: pl.DataFrame) -> pl.DataFrame:
    """What the trials' actions leave: activities and nothing else, each with an id of its own."""
    rows = [
        {**row, "activity_id": f"{row['activity_id']} {row['opportunity_id']}"}
        for trial in trials
        if trial.action is not None
        for row in trial.action.records.get("activities", ())
    ]
    schema = {name: pl.Int64 if kind == TIME else kind for name, kind in like.schema.items()}
    return pl.DataFrame(rows, schema=schema).cast(like.schema)


def _by(frame: pl.DataFrame, column: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.with_columns(pl.col(TIME).to_physical()).iter_rows(named=True):
        found[row[column]].append(row)
    return found
