"""One data set as sorted arrays, coded once; built from tables or from one request's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from features.canonical import CanonicalData
from features.conventions import CATEGORICAL_FIELDS, NUMERIC_FIELDS, SHOWN_FIELDS, TIME_FIELDS, Conventions
from features.errors import DataError, UnknownEntity
from features.readers import Reader, Row, RowReader, TableReader, TextArray
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, OUTCOMES, ROLES
from features.times import MISSING, NEVER, FloatArray, IntArray, parse_instant

CENT = 100  # money is summed in whole hundredths, so that sums are exact in any order


@dataclass(frozen=True)
class Records:
    """Rows of a table with two clocks (or of facts known from one instant on), sorted by entity.

    Attributes:
        entity: int64 code of the opportunity or the account, ascending.
        at: int64 microseconds, when it happened.
        known: int64 microseconds, when it was recorded (`at` where that is not given).
        until: int64 microseconds, when a corrected version replaced it; `NEVER` for nearly all.
        columns: further int64 columns by name.
    """

    entity: IntArray
    at: IntArray
    known: IntArray
    until: IntArray
    columns: Mapping[str, IntArray]

    def __len__(self) -> int:
        return len(self.entity)

    def __getitem__(self, name: str) -> IntArray:
        return self.columns[name]

    @cached_property
    def start(self) -> IntArray:
        """From when on each row counts as having happened: max(known, at)."""
        return np.maximum(self.known, self.at)

    def take(self, rows: IntArray | slice) -> Records:
        """Some of the rows: an index array, a mask as indices, or a slice."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Records(self.entity[rows], self.at[rows], self.known[rows], self.until[rows], columns)

    def of(self, entity: int) -> Records:
        """The rows of one entity, which becomes entity 0."""
        low, high = np.searchsorted(self.entity, [entity, entity + 1])
        part = self.take(slice(int(low), int(high)))
        return replace(part, entity=np.zeros(len(part), np.int64))


@dataclass(frozen=True)
class Opportunities:
    """Facts of each opportunity, indexed by its code.

    Attributes:
        ids: texts, sorted.
        account: int64 code of its account.
        created_at, closed_at: int64 microseconds; `closed_at` is `NEVER` while open.
        won: bool; False while open.
        texts: fixed categories by column name; None where empty.
        numbers: fixed numbers by column name, float64 with NaN; times as float64 microseconds.
        shown: texts shown beside a score where their history says nothing; no feature reads them.
    """

    ids: TextArray
    account: IntArray
    created_at: IntArray
    closed_at: IntArray
    won: IntArray
    texts: Mapping[str, TextArray]
    numbers: Mapping[str, FloatArray]
    shown: Mapping[str, TextArray]


@dataclass(frozen=True)
class Accounts:
    """Facts of each account, indexed by its code; accounts known by reference only have none."""

    ids: TextArray
    created_at: IntArray
    churned_at: IntArray
    texts: Mapping[str, TextArray]


@dataclass(frozen=True)
class FieldHistory:
    """Changes of one column of `opportunities`; `values[records["value"]]` is what it became."""

    records: Records
    values: TextArray | FloatArray


@dataclass(frozen=True)
class History:
    """Everything the features read.

    Attributes:
        conventions: the order of stages, and which columns need no history.
        stage_names: texts; the open stages in order, then any further ones. `stage_changes`
            holds indices into them.
        activities: by opportunity, with `kind`, `direction`, `outcome` (indices into the
            declared values, -1 where empty), `duration_s` (-1 where empty), `contact`, `rep`
            (-1 where empty) and `decision_maker_from` (`NEVER` where the contact is none).
        orders: by account, with `cents`.
        contacts: by account; `at` is when the contact was created, `MISSING` where not given.
    """

    conventions: Conventions
    opportunities: Opportunities
    accounts: Accounts
    stage_names: tuple[str, ...]
    stage_changes: Records
    field_changes: Mapping[str, FieldHistory]
    activities: Records
    orders: Records
    contacts: Records

    def opportunity_codes(self, ids: Sequence[str]) -> IntArray:
        """The codes of opportunities. Raises UnknownEntity if one is not in the data."""
        return _codes_of(self._opportunity_index, ids, "opportunity")

    def account_codes(self, ids: Sequence[str]) -> IntArray:
        """The codes of accounts. Raises UnknownEntity if one is not in the data."""
        return _codes_of(self._account_index, ids, "account")

    @cached_property
    def _opportunity_index(self) -> dict[str, int]:
        return {str(value): code for code, value in enumerate(self.opportunities.ids)}

    @cached_property
    def _account_index(self) -> dict[str, int]:
        return {str(value): code for code, value in enumerate(self.accounts.ids)}

    def of_opportunity(self, code: int) -> History:
        """The history of one opportunity and its account alone; both get code 0.

        Features computed from it are equal to the bit to those computed from the whole.
        """
        account = int(self.opportunities.account[code])
        one, its = slice(code, code + 1), slice(account, account + 1)
        deals, accounts = self.opportunities, self.accounts
        return replace(
            self,
            opportunities=Opportunities(
                deals.ids[one], np.zeros(1, np.int64), deals.created_at[one], deals.closed_at[one],
                deals.won[one], {k: v[one] for k, v in deals.texts.items()},
                {k: v[one] for k, v in deals.numbers.items()}, {k: v[one] for k, v in deals.shown.items()},
            ),
            accounts=Accounts(
                accounts.ids[its], accounts.created_at[its], accounts.churned_at[its],
                {k: v[its] for k, v in accounts.texts.items()},
            ),
            stage_changes=self.stage_changes.of(code),
            field_changes={k: replace(f, records=f.records.of(code)) for k, f in self.field_changes.items()},
            activities=self.activities.of(code),
            orders=self.orders.of(account),
            contacts=self.contacts.of(account),
        )  # fmt: skip


def history_from_tables(data: CanonicalData, conventions: Conventions) -> History:
    """The history of a whole data set."""
    return _assemble(TableReader(data), conventions)


def history_from_rows(tables: Mapping[str, Sequence[Row]], conventions: Conventions) -> History:
    """The history of what one request holds: canonical rows by table, times in microseconds."""
    return _assemble(RowReader(tables), conventions)


def _assemble(reader: Reader, conventions: Conventions) -> History:
    opportunity_ids = reader.ids(("opportunities", "opportunity_id"))
    account_ids = reader.ids(
        ("accounts", "account_id"), ("opportunities", "account_id"),
        ("orders", "account_id"), ("contacts", "account_id"),
    )  # fmt: skip
    known = set(conventions.stages)
    further = [s for s in reader.ids(("stage_changes", "stage")) if s not in known]
    stage_names = conventions.stages + tuple(further)
    stages = {"stage": reader.codes("stage_changes", "stage", stage_names)}
    return History(
        conventions=conventions,
        opportunities=_opportunities(reader, conventions, opportunity_ids, account_ids),
        accounts=_accounts(reader, account_ids),
        stage_names=stage_names,
        stage_changes=_records(reader, "stage_changes", "opportunity_id", opportunity_ids, stages),
        field_changes=_field_changes(reader, conventions, opportunity_ids),
        activities=_activities(reader, opportunity_ids),
        orders=_records(
            reader, "orders", "account_id", account_ids, {"cents": _cents(reader.numbers("orders", "amount"))}
        ),
        contacts=_contacts(reader, account_ids),
    )


def _opportunities(
    reader: Reader, conventions: Conventions, ids: list[str], account_ids: list[str]
) -> Opportunities:
    table = "opportunities"
    place = np.argsort(reader.codes(table, "opportunity_id", ids), kind="stable")
    fixed = set(conventions.fixed)
    numbers = {name: reader.numbers(table, name)[place] for name in NUMERIC_FIELDS if name in fixed}
    for name in TIME_FIELDS:
        if name in fixed:
            times = reader.times(table, name)[place]
            numbers[name] = np.where(times == MISSING, np.nan, times.astype(np.float64))
    closed_at = reader.times(table, "closed_at")[place]
    return Opportunities(
        ids=_text_array(ids),
        account=reader.codes(table, "account_id", account_ids)[place],
        created_at=reader.times(table, "created_at")[place],
        closed_at=np.where(closed_at == MISSING, NEVER, closed_at),
        won=reader.codes(table, "outcome", OUTCOMES)[place] == OUTCOMES.index("won"),
        texts={name: reader.texts(table, name)[place] for name in CATEGORICAL_FIELDS if name in fixed},
        shown={name: reader.texts(table, name)[place] for name in SHOWN_FIELDS},
        numbers=numbers,
    )


def _accounts(reader: Reader, ids: list[str]) -> Accounts:
    rows = reader.codes("accounts", "account_id", ids)
    created_at = np.full(len(ids), MISSING, np.int64)
    churned_at = np.full(len(ids), MISSING, np.int64)
    created_at[rows] = reader.times("accounts", "created_at")
    churned_at[rows] = reader.times("accounts", "churned_at")
    texts = {}
    for name in ("industry", "region"):
        texts[name] = np.full(len(ids), None, object)
        texts[name][rows] = reader.texts("accounts", name)
    return Accounts(_text_array(ids), created_at, np.where(churned_at == MISSING, NEVER, churned_at), texts)


def _records(
    reader: Reader, table: str, entity: str, ids: list[str], columns: Mapping[str, IntArray]
) -> Records:
    """The rows of a table with two clocks; those of no known entity are left out."""
    at = reader.times(table, "at")
    recorded = reader.times(table, "recorded_at")
    known = np.where(recorded == MISSING, at, recorded)
    codes = reader.codes(table, entity, ids)
    records = Records(codes, at, known, _superseded(reader.keys(table), known), columns)
    order = np.lexsort((known, at, codes))
    return records.take(order[np.searchsorted(codes[order], 0) :])


def _superseded(key: IntArray, known: IntArray) -> IntArray:
    """When each row was replaced by the next version of the same key; `NEVER` for the last."""
    until = np.full(len(key), NEVER, np.int64)
    order = np.lexsort((known, key))
    same = key[order][1:] == key[order][:-1]
    until[order[:-1][same]] = known[order[1:][same]]
    return until


def _activities(reader: Reader, opportunity_ids: list[str]) -> Records:
    table = "activities"
    contact_ids = reader.ids((table, "contact_id"))
    contact = reader.codes(table, "contact_id", contact_ids)
    duration = reader.numbers(table, "duration_s")
    columns = {
        "kind": reader.codes(table, "kind", ACTIVITY_KINDS),
        "direction": reader.codes(table, "direction", DIRECTIONS),
        "outcome": reader.codes(table, "outcome", ACTIVITY_OUTCOMES),
        "duration_s": np.where(np.isnan(duration), -1, _whole(duration)),
        "contact": contact,
        "rep": reader.codes(table, "rep_id", reader.ids((table, "rep_id"))),
        "decision_maker_from": _decision_maker_from(reader, contact_ids)[contact],
    }
    return _records(reader, table, "opportunity_id", opportunity_ids, columns)


def _decision_maker_from(reader: Reader, contact_ids: list[str]) -> IntArray:
    """From when on each contact is known to be a decision maker; one more value, for code -1."""
    since = np.full(len(contact_ids) + 1, NEVER, np.int64)
    deciding = reader.codes("contacts", "role", ROLES) == ROLES.index("decision_maker")
    rows = reader.codes("contacts", "contact_id", contact_ids)
    deciding &= rows >= 0
    since[rows[deciding]] = reader.times("contacts", "created_at")[deciding]
    return since


def _contacts(reader: Reader, account_ids: list[str]) -> Records:
    codes = reader.codes("contacts", "account_id", account_ids)
    created_at = reader.times("contacts", "created_at")
    order = np.lexsort((created_at, codes))
    until = np.full(len(codes), NEVER, np.int64)
    return Records(codes[order], created_at[order], created_at[order], until, {})


def _field_changes(reader: Reader, conventions: Conventions, ids: list[str]) -> dict[str, FieldHistory]:
    names = reader.texts("field_changes", "field")
    texts = reader.texts("field_changes", "value")
    rows = np.arange(len(names), dtype=np.int64)
    records = _records(reader, "field_changes", "opportunity_id", ids, {"row": rows})
    candidates = CATEGORICAL_FIELDS + NUMERIC_FIELDS + TIME_FIELDS + SHOWN_FIELDS
    fields = [field for field in candidates if field not in set(conventions.fixed)]
    return {field: _field_history(field, records, names, texts, conventions.time_zone) for field in fields}


def _field_history(
    field: str, records: Records, names: TextArray, texts: TextArray, time_zone: str
) -> FieldHistory:
    rows = records["row"]
    mine = records.take(np.flatnonzero(names[rows] == field))
    distinct = sorted({str(text) for text in texts[mine["row"]]})
    index = {text: code for code, text in enumerate(distinct)}
    value = np.array([index[str(text)] for text in texts[mine["row"]]], np.int64)
    values: TextArray | FloatArray = _text_array(distinct)
    if field in NUMERIC_FIELDS + TIME_FIELDS:
        values = np.array([_number(field, text, time_zone) for text in distinct], np.float64)
    return FieldHistory(replace(mine, columns={"value": value}), values)


def _number(field: str, text: str, time_zone: str) -> float:
    """A changed value as a float64 (times in microseconds); NaN where it is not one."""
    try:
        number = float(parse_instant(text, time_zone)) if field in TIME_FIELDS else float(text)
    except (DataError, ValueError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _cents(amount: FloatArray) -> IntArray:
    return _whole(amount * CENT)


def _whole(number: FloatArray) -> IntArray:
    """The nearest whole number; 0 for NaN. Held within ±2**53, so that a typing error cannot overflow."""
    return np.rint(np.clip(np.nan_to_num(number), -(2.0**53), 2.0**53)).astype(np.int64)


def _text_array(texts: Sequence[str]) -> TextArray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _codes_of(index: Mapping[str, int], ids: Sequence[str], what: str) -> IntArray:
    codes = np.array([index.get(value, -1) for value in ids], np.int64)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        first = ", ".join(str(ids[i]) for i in unknown[:3])
        raise UnknownEntity(
            f"{len(unknown)} of {len(ids)} snapshots name an {what} that the data set lacks"
            f" (first: {first}); check the {what}_id column"
        )
    return codes
