"""One data set, or one request, as the arrays that features are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from features.conventions import Conventions
from features.errors import DataError, UnknownEntity
from features.packing import Seats, by_account, seats_of
from features.records import Records, clustered
from features.times import NEVER, BoolArray, FloatArray, Int32Array, IntArray, parse_instant

TextArray = npt.NDArray[np.object_]
Names = tuple[str, ...]  # a vocabulary: a category's code is its place

CENT = 100  # money is summed in whole hundredths, so that sums are exact in any order


@dataclass(eq=False)
class Opportunities:
    """Facts of each opportunity, indexed by its code.

    Attributes:
        ids: texts, sorted.
        account: int64 code of its account.
        created_at, closed_at: int64 microseconds; `closed_at` is `NEVER` while open.
        won: bool; False while open.
        last_rep: texts shown beside a score where no history says who has it; no feature reads them.
    """

    ids: TextArray
    account: IntArray
    created_at: IntArray
    closed_at: IntArray
    won: BoolArray
    last_rep: TextArray


@dataclass(eq=False)
class Accounts:
    """Facts of each account, indexed by its code; accounts known by reference only have none.

    `industry` and `region` are int64 codes in `names`, -1 where empty.
    """

    ids: TextArray
    created_at: IntArray
    churned_at: IntArray
    industry: IntArray
    region: IntArray
    names: Mapping[str, Names]


@dataclass(eq=False)
class Fields:
    """What the columns of each deal were, as far as it was told.

    Attributes:
        names: the columns, as `Conventions.fields` has them.
        names_of: the texts of each category; values are their places.
        fixed: int64 per column, 1 where it is read from the row.
        value: float64, columns x opportunities: of the fixed ones; NaN where empty.
        since: int64, columns x opportunities: from when on a fixed value is known.
        changes: by opportunity, every change of any column, with `field` (place in `names`, -1
            for others) and `value` (a number, microseconds, or a category's code; NaN where the
            text was none).
    """

    names: Names
    names_of: Mapping[str, Names]
    fixed: IntArray
    value: FloatArray
    since: IntArray
    changes: Records

    def place(self, name: str) -> int:
        return self.names.index(name)


@dataclass(eq=False)
class Reps:
    """The reps, indexed by code.

    Attributes:
        names: texts, sorted.
        team: int64 place in `teams`, -1 where not given.
        hired_at: int64 microseconds, `MISSING` where not given.
    """

    names: Names
    teams: Names
    team: IntArray
    hired_at: IntArray


@dataclass(eq=False)
class Contacts:
    """The contacts of accounts, and what is known of those that activities name.

    Attributes:
        of_accounts: by account, `at` when the contact was created (`MISSING`: always known), with
            `role` (place in `tables.ROLES`, -1 where empty).
        role: int64 per contact code of `History.activities`; -1 where not given.
        since: int64 from when on that contact is known: `NEVER` where the contacts table lacks it.
    """

    of_accounts: Records
    role: IntArray
    since: IntArray


@dataclass(eq=False)
class History:
    """Everything the features read.

    Attributes:
        conventions: the order of stages, and which columns need no history.
        stage_names: texts; the open stages in order, then any further ones. `stage_changes`
            holds places in them.
        activities: by opportunity (those of none come last, under one code more), with `tag` (see
            `tag_of`), `duration_s`, `contact`, `rep` and `account` (codes); -1 where empty; `heard`
            is from when on the account knows of it (see `heard_of`).
        orders: by account, with `cents` and `product` (code, -1 where empty).
        deals: by account, `at` when created, with `closed_at` and `won`.
        leads: by opportunity, `at` when created, with `response_at` and `source`.
        lead_sources: the texts of the leads' sources.
        reps: whom activities and owners name; the codes of both are places in its names.
    """

    conventions: Conventions
    opportunities: Opportunities
    accounts: Accounts
    stage_names: Names
    stage_changes: Records
    fields: Fields
    activities: Records
    contacts: Contacts
    orders: Records
    deals: Records
    leads: Records
    lead_sources: Names
    reps: Reps

    def opportunity_codes(self, ids: Sequence[str]) -> IntArray:
        """The codes of opportunities. Raises UnknownEntity if one is not in the data."""
        return _codes_of(self._opportunity_index, ids, "opportunity")

    def account_codes(self, ids: Sequence[str]) -> IntArray:
        """The codes of accounts. Raises UnknownEntity if one is not in the data."""
        return _codes_of(self._account_index, ids, "account")

    @cached_property
    def _opportunity_index(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.opportunities.ids.tolist())}

    @cached_property
    def _account_index(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.accounts.ids.tolist())}

    @cached_property
    def at_hand(self) -> dict[Any, Any]:
        """What was worked out of it and will be asked for again, by who works it out."""
        return {}

    @cached_property
    def people(self) -> Seats:
        """The contacts of each deal's activities, numbered within the deal."""
        return seats_of(self.activities, "contact")

    @cached_property
    def colleagues(self) -> Seats:
        """The reps of each deal's activities, numbered within the deal."""
        return seats_of(self.activities, "rep")

    @cached_property
    def account_activities(self) -> tuple[IntArray, Int32Array]:
        """Where each account's activities begin, and their rows in `activities`, in their order."""
        return by_account(self.activities, len(self.accounts.ids))

    def of_opportunity(self, code: int) -> History:
        """The history of one opportunity and its account alone; both get code 0.

        Features computed from it are equal to the bit to those computed from the whole.
        """
        account = int(self.opportunities.account[code])
        one, its = slice(code, code + 1), slice(account, account + 1)
        deals, accounts, fields = self.opportunities, self.accounts, self.fields
        return replace(
            self,
            opportunities=Opportunities(
                deals.ids[one], np.zeros(1, np.int64), deals.created_at[one], deals.closed_at[one],
                deals.won[one], deals.last_rep[one],
            ),
            accounts=Accounts(
                accounts.ids[its], accounts.created_at[its], accounts.churned_at[its],
                accounts.industry[its], accounts.region[its], accounts.names,
            ),
            stage_changes=self.stage_changes.of(code),
            fields=replace(
                fields, changes=fields.changes.of(code),
                value=np.ascontiguousarray(fields.value[:, one]),
                since=np.ascontiguousarray(fields.since[:, one]),
            ),
            activities=self._activities_around(code, account),
            contacts=replace(self.contacts, of_accounts=self.contacts.of_accounts.of(account)),
            orders=self.orders.of(account),
            deals=self.deals.of(account),
            leads=self.leads.of(code),
        )  # fmt: skip

    def _activities_around(self, code: int, account: int) -> Records:
        """The deal's own activities, and behind them, under code 1, the account's other ones."""
        records = self.activities
        low, high = records.first[code : code + 2].tolist()
        first, rows_of = self.account_activities
        others = rows_of[first[account] : first[account + 1]]
        others = others[(others < low) | (others >= high)].astype(np.int64)
        rows = np.concatenate([np.arange(low, high), others])
        columns = {name: values[rows] for name, values in records.columns.items()}
        columns["account"] = np.where(columns["account"] == account, 0, -1).astype(np.int32)
        parts = np.array([0, high - low, len(rows)], np.int64)
        return Records(parts, records.at[rows], records.known[rows], records.until[rows], columns)


def deals_of(opportunities: Opportunities, accounts: int) -> Records:
    """The opportunities once more, by account and creation."""
    created = opportunities.created_at
    columns = {"closed_at": opportunities.closed_at, "won": opportunities.won.astype(np.int64)}
    never = np.full(len(created), NEVER, np.int64)
    tie = (opportunities.closed_at, columns["won"])
    return clustered(opportunities.account, accounts, created, created, never, columns, tie)


def heard_of(known: IntArray, deal: IntArray, created_at: IntArray, own_account: BoolArray) -> IntArray:
    """From when on an account knows of its activities: one that names a deal alone, and no account, is
    the account's only once the deal exists, before which nobody could tell whose it was.

    Args:
        deal: code of each activity's deal; anything beyond the last deal for none.
        created_at: of the deals.
        own_account: whether each activity names an account.
    """
    exists = np.append(created_at, NEVER)[np.minimum(deal, len(created_at))]
    return np.where(own_account, known, np.maximum(known, exists))


def tag_of(kind: Any, direction: Any, outcome: Any) -> Any:
    """One number for an activity's kind, direction and outcome (places in `tables`; -1: empty)."""
    return (kind << 6) | ((direction + 1) << 4) | (outcome + 1)


@lru_cache(maxsize=65_536)
def changed_number(text: str, is_time: bool, time_zone: str) -> float:
    """A changed value as a float64, times in microseconds; NaN where it is not one."""
    try:
        number = float(parse_instant(text, time_zone)) if is_time else float(text)
    except (DataError, ValueError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def superseded(key: IntArray, known: IntArray) -> IntArray:
    """When each row was replaced by the next version of the same key; `NEVER` for the last."""
    until = np.full(len(key), NEVER, np.int64)
    order = np.lexsort((known, key))
    same = key[order][1:] == key[order][:-1]
    until[order[:-1][same]] = known[order[1:][same]]
    return until


def text_array(texts: Sequence[str | None]) -> TextArray:
    """Texts as an array of objects."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _codes_of(index: Mapping[str, int], ids: Sequence[str], what: str) -> IntArray:
    codes = np.array([index.get(value, -1) for value in ids], np.int64)
    if len(ids) == 1 and codes.item(0) >= 0:
        return codes
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        first = ", ".join(str(ids[i]) for i in unknown[:3])
        raise UnknownEntity(
            f"{len(unknown)} of {len(ids)} snapshots name an {what} that the data set lacks"
            f" (first: {first}); check the {what}_id column"
        )
    return codes
