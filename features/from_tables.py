"""The history of a whole data set, from canonical tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import polars as pl

from features.canonical import CanonicalData
from features.conventions import OWNER_FIELD, TIME_FIELDS, Conventions
from features.history import (
    CENT,
    Accounts,
    Contacts,
    Fields,
    History,
    Names,
    Opportunities,
    Reps,
    changed_number,
    deals_of,
    heard_of,
    superseded,
    tag_of,
    text_array,
)
from features.packing import ties, whole, whole_seconds
from features.records import Column, Records, clustered
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, OUTCOMES, ROLES, TABLES
from features.times import MISSING, NEVER, FloatArray, IntArray


def history_from_tables(data: CanonicalData, conventions: Conventions) -> History:
    """The history of a data set; its tables are not changed."""
    deal_ids = _ids(data, ("opportunities", "opportunity_id"))
    account_ids = _ids(data, *((table, "account_id") for table in _NAMING_ACCOUNTS))
    contact_ids = _ids(data, ("activities", "contact_id"))
    opportunities, place = _opportunities(data, deal_ids, account_ids)
    accounts = _accounts(data, account_ids)
    stage_names, stage_changes = _stage_changes(data, conventions, deal_ids)
    lead_sources = tuple(_ids(data, ("leads", "source")))
    reps = _reps(data)
    return History(
        conventions=conventions,
        opportunities=opportunities,
        accounts=accounts,
        stage_names=stage_names,
        stage_changes=stage_changes,
        fields=_fields(data, conventions, deal_ids, opportunities, place, accounts, reps),
        activities=_told(
            data["activities"], deal_ids, account_ids, contact_ids, opportunities, reps
        ).clustered(len(deal_ids)),
        contacts=_contacts(data, account_ids, contact_ids),
        orders=_orders(data, account_ids),
        deals=deals_of(opportunities, len(account_ids)),
        leads=_leads(data, deal_ids, lead_sources),
        lead_sources=lead_sources,
        reps=reps,
    )


def histories_with(
    data: CanonicalData, conventions: Conventions, supposed: Sequence[pl.DataFrame]
) -> Iterator[History]:
    """The history of a data set with further activities: those of each of `supposed` by themselves.

    Args:
        supposed: tables of activities, whose ids the data set lacks, of its opportunities and accounts.
    """
    activities = data["activities"]
    # Versions of one id replace each other in one of the tables, not from one to another.
    named = [
        frame.with_columns(pl.concat_str(pl.lit(f"{i} "), "activity_id").alias("activity_id"))
        for i, frame in enumerate(supposed)
    ]
    more = pl.concat([activities.clear(), *named])
    whole = replace(data, tables={**data.tables, "activities": pl.concat([activities, more])})
    history = history_from_tables(whole, conventions)
    ids, account_ids = history.opportunities.ids.tolist(), history.accounts.ids.tolist()
    contact_ids = _ids(whole, ("activities", "contact_id"))

    def told(frame: pl.DataFrame) -> _Told:
        return _told(frame, ids, account_ids, contact_ids, history.opportunities, history.reps)

    known, of_all = told(activities), told(more)
    begin = 0
    for frame in supposed:
        its = of_all.part(begin, begin + frame.height)
        begin += frame.height
        yield replace(history, activities=known.and_also(its).clustered(len(ids)))


_NAMING_ACCOUNTS = ("accounts", "opportunities", "orders", "contacts", "activities")


def _ids(data: CanonicalData, *columns: tuple[str, str]) -> list[str]:
    """The distinct values of several (table, column), sorted."""
    parts = [data[table][column].drop_nulls().unique() for table, column in columns]
    return pl.concat(parts).unique().sort().to_list()


def _codes(series: pl.Series, names: Sequence[str]) -> npt.NDArray[np.int32]:
    """Each text's place among `names`; -1 where it is empty or not among them."""
    if not len(names):
        return np.full(len(series), -1, np.int32)
    coded = series.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int32)
    return _owned(coded.fill_null(-1).to_numpy())


def _times(series: pl.Series) -> IntArray:
    """Microseconds; `MISSING` where empty."""
    return _owned(series.to_physical().fill_null(MISSING).to_numpy())


def _numbers(series: pl.Series) -> FloatArray:
    """float64; NaN where empty or no number."""
    return _owned(series.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy())


def _owned(values: Column) -> Column:
    """The same values in memory that can be written, as kernels want them; Polars's own cannot."""
    return np.require(values, requirements=["C", "W"])


def _clocks(frame: pl.DataFrame, table: str) -> tuple[IntArray, IntArray, IntArray]:
    """`at`, `known` and `until` of a table's rows."""
    at, recorded = _times(frame["at"]), _times(frame["recorded_at"])
    known = np.where(recorded == MISSING, at, recorded)
    return at, known, _until(frame.select(TABLES[table].key), known)


def _until(keys: pl.DataFrame, known: IntArray) -> IntArray:
    """When each row was replaced by the next version of its key; only keys that occur twice are compared."""
    until = np.full(len(known), NEVER, np.int64)
    if not len(known):
        return until
    hashes = keys.hash_rows().to_numpy()
    ranked = np.sort(hashes)
    twice = np.unique(ranked[1:][ranked[1:] == ranked[:-1]])
    if not len(twice):
        return until
    place = np.minimum(np.searchsorted(twice, hashes), len(twice) - 1)
    rows = np.flatnonzero(twice[place] == hashes)
    ranks = keys[rows].select(pl.struct(pl.all()).rank("dense")).to_series().cast(pl.Int64).to_numpy()
    until[rows] = superseded(ranks, known[rows])
    return until


def _opportunities(
    data: CanonicalData, ids: list[str], account_ids: list[str]
) -> tuple[Opportunities, IntArray]:
    """The opportunities by code, and the row of each in its table."""
    frame = data["opportunities"]
    place = np.argsort(_codes(frame["opportunity_id"], ids), kind="stable")
    closed_at = _times(frame["closed_at"])[place]
    made = Opportunities(
        ids=text_array(ids),
        account=_codes(frame["account_id"], account_ids)[place].astype(np.int64),
        created_at=_times(frame["created_at"])[place],
        closed_at=np.where(closed_at == MISSING, NEVER, closed_at),
        won=_codes(frame["outcome"], OUTCOMES)[place] == OUTCOMES.index("won"),
        last_rep=frame["rep_id"].to_numpy().astype(object)[place],
    )
    return made, place


def _accounts(data: CanonicalData, ids: list[str]) -> Accounts:
    frame = data["accounts"]
    rows = _codes(frame["account_id"], ids)
    names = {name: tuple(_ids(data, ("accounts", name))) for name in ("industry", "region")}
    filled: dict[str, IntArray] = {}
    for name, values, empty in (
        ("created_at", _times(frame["created_at"]), MISSING),
        ("churned_at", _times(frame["churned_at"]), MISSING),
        ("industry", _codes(frame["industry"], names["industry"]), -1),
        ("region", _codes(frame["region"], names["region"]), -1),
    ):
        filled[name] = np.full(len(ids), empty, np.int64)
        filled[name][rows] = values
    churned_at = np.where(filled["churned_at"] == MISSING, NEVER, filled["churned_at"])
    return Accounts(
        text_array(ids), filled["created_at"], churned_at, filled["industry"], filled["region"],
        MappingProxyType(names),
    )  # fmt: skip


def _reps(data: CanonicalData) -> Reps:
    frame, told = data["reps"], data["field_changes"]
    owners = told.filter(pl.col("field") == OWNER_FIELD)["value"]
    named = (frame["rep_id"], data["activities"]["rep_id"], data["opportunities"]["rep_id"], owners)
    names = pl.concat([s.drop_nulls().unique().alias("rep") for s in named]).unique().sort().to_list()
    teams = _ids(data, ("reps", "team_id"))
    rows = _codes(frame["rep_id"], names)
    team, hired_at = np.full(len(names), -1, np.int64), np.full(len(names), MISSING, np.int64)
    team[rows], hired_at[rows] = _codes(frame["team_id"], teams), _times(frame["hired_at"])
    return Reps(tuple(names), tuple(teams), team, hired_at)


def _stage_changes(data: CanonicalData, conventions: Conventions, ids: list[str]) -> tuple[Names, Records]:
    frame = data["stage_changes"]
    listed = set(conventions.stages)
    names = conventions.stages + tuple(s for s in _ids(data, ("stage_changes", "stage")) if s not in listed)
    stage = _codes(frame["stage"], names)
    entity = _codes(frame["opportunity_id"], ids).astype(np.int64)
    tie = (stage.astype(np.int64), np.zeros(len(stage), np.int64))
    clocks = _clocks(data["stage_changes"], "stage_changes")
    return names, clustered(entity, len(ids), *clocks, {"stage": stage}, tie)


def _fields(
    data: CanonicalData,
    conventions: Conventions,
    ids: list[str],
    deals: Opportunities,
    place: IntArray,
    accounts: Accounts,
    reps: Reps,
) -> Fields:
    names = conventions.fields
    told = data["field_changes"]
    places = {name: code for code, name in enumerate(names)}
    field = _owned(told["field"].replace_strict(places, default=-1, return_dtype=pl.Int32).to_numpy())
    column = {name: _row_column(data, name, deals, place, accounts) for name in names}
    fixed = np.array([name in conventions.fixed for name in names], np.int64)
    values = np.full(len(told), np.nan)
    table = np.full((len(names), len(ids)), np.nan)
    since = np.full((len(names), len(ids)), NEVER, np.int64)
    names_of: dict[str, Names] = {}
    for code, name in enumerate(names):
        rows = np.flatnonzero(field == code)
        texts = told["value"][rows]
        row_values, row_since = column[name] or (None, None)
        if name == OWNER_FIELD:
            names_of[name] = reps.names
            values[rows] = _codes(texts, reps.names)
        elif name in conventions.texts:
            own = [texts] if row_values is None or not fixed[code] else [texts, row_values]
            names_of[name] = tuple(pl.concat(own).drop_nulls().unique().sort().to_list())
            values[rows] = _codes(texts, names_of[name])
        else:
            values[rows] = _changed_numbers(name, texts, conventions.time_zone)
        if fixed[code] and row_values is not None and row_since is not None:
            table[code] = _fixed_values(name, row_values, names_of.get(name))
            since[code] = row_since
    columns = {"field": field, "value": values}
    order = _owned(told["value"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy())
    entity = _codes(told["opportunity_id"], ids).astype(np.int64)
    clocks = _clocks(data["field_changes"], "field_changes")
    changes = clustered(entity, len(ids), *clocks, columns, (field.astype(np.int64), order))
    return Fields(names, MappingProxyType(names_of), fixed, table, since, changes)


def _row_column(
    data: CanonicalData, name: str, deals: Opportunities, place: IntArray, accounts: Accounts
) -> tuple[pl.Series, IntArray] | None:
    """A column of each deal, or of its account, and from when on it is known; None where there is none."""
    table, _, own = name.rpartition(".")
    if table != "accounts":
        frame = data["opportunities"]
        return (frame[own][place], deals.created_at) if own in frame.columns else None
    frame = data["accounts"]
    if own not in frame.columns:
        return None
    codes = pl.Series("row", np.arange(len(frame)))
    rows = np.full(len(accounts.ids), len(frame), np.int64)
    rows[_codes(frame["account_id"], accounts.ids.tolist())] = codes.to_numpy()
    known = pl.concat([frame[own], pl.Series(own, [None], frame[own].dtype)])
    return known[rows[deals.account]], accounts.created_at[deals.account]


def _fixed_values(name: str, values: pl.Series, names: Names | None) -> FloatArray:
    if names is not None:
        codes = _codes(values, names).astype(np.float64)
        return np.where(codes < 0, np.nan, codes)
    if name in TIME_FIELDS:
        times = _times(values)
        return np.where(times == MISSING, np.nan, times.astype(np.float64))
    if values.dtype == pl.String:
        return _changed_numbers(name, values.fill_null(""), "UTC")
    numbers = _numbers(values)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _changed_numbers(name: str, texts: pl.Series, time_zone: str) -> FloatArray:
    """What changed values say, each distinct text read once."""
    distinct = texts.unique().sort()
    said = np.array([changed_number(text, name in TIME_FIELDS, time_zone) for text in distinct.to_list()])
    return said[_codes(texts, distinct.to_list())] if len(said) else np.zeros(0)


@dataclass(frozen=True)
class _Told:
    """Activities as a history has them, before they are sorted; one entry a row."""

    entity: IntArray
    clocks: tuple[IntArray, IntArray, IntArray]
    columns: Mapping[str, Column]

    def clustered(self, count: int) -> Records:
        """By opportunity, those of none under one code more."""
        columns = self.columns
        tie = ties(columns["tag"], columns["duration_s"], columns["contact"], columns["rep"])
        return clustered(self.entity, count + 1, *self.clocks, columns, tie)

    def part(self, begin: int, end: int) -> _Told:
        """Those from one place to before another."""
        at, known, until = (its[begin:end] for its in self.clocks)
        columns = {name: its[begin:end] for name, its in self.columns.items()}
        return _Told(self.entity[begin:end], (at, known, until), columns)

    def and_also(self, other: _Told) -> _Told:
        """These and others, whose ids are not among these."""
        at, known, until = (np.concatenate(pair) for pair in zip(self.clocks, other.clocks, strict=True))
        columns = {name: np.concatenate([its, other.columns[name]]) for name, its in self.columns.items()}
        return _Told(np.concatenate([self.entity, other.entity]), (at, known, until), columns)


def _told(
    frame: pl.DataFrame,
    ids: Sequence[str],
    account_ids: Sequence[str],
    contact_ids: Sequence[str],
    deals: Opportunities,
    reps: Reps,
) -> _Told:
    entity = _codes(frame["opportunity_id"], ids).astype(np.int64)
    account = _codes(frame["account_id"], account_ids)
    of_deal = np.append(deals.account, -1)[entity].astype(np.int32)
    nameless = frame["account_id"].is_null().to_numpy()
    account = np.where(nameless, of_deal, account)
    clocks = _clocks(frame, "activities")
    entity[entity < 0] = len(ids)
    tag = tag_of(
        _codes(frame["kind"], ACTIVITY_KINDS),
        _codes(frame["direction"], DIRECTIONS),
        _codes(frame["outcome"], ACTIVITY_OUTCOMES),
    ).astype(np.int16)
    columns = {
        "tag": tag,
        "duration_s": whole_seconds(_numbers(frame["duration_s"])),
        "contact": _codes(frame["contact_id"], contact_ids),
        "rep": _codes(frame["rep_id"], reps.names),
        "account": account,
        "heard": heard_of(clocks[1], entity, deals.created_at, ~nameless),
    }
    return _Told(entity, clocks, columns)


def _contacts(data: CanonicalData, account_ids: list[str], contact_ids: list[str]) -> Contacts:
    frame = data["contacts"]
    account = _codes(frame["account_id"], account_ids).astype(np.int64)
    created_at = _times(frame["created_at"])
    role = _codes(frame["role"], ROLES).astype(np.int64)
    never = np.full(len(role), NEVER, np.int64)
    tie = (role, np.zeros(len(role), np.int64))
    of_accounts = clustered(account, len(account_ids), created_at, created_at, never, {"role": role}, tie)
    rows = _codes(frame["contact_id"], contact_ids)
    named = rows >= 0
    roles = np.full(len(contact_ids), -1, np.int64)
    since = np.full(len(contact_ids), NEVER, np.int64)
    roles[rows[named]], since[rows[named]] = role[named], created_at[named]
    return Contacts(of_accounts, roles, since)


def _orders(data: CanonicalData, account_ids: list[str]) -> Records:
    frame = data["orders"]
    entity = _codes(frame["account_id"], account_ids).astype(np.int64)
    cents = whole(_numbers(frame["amount"]) * CENT)
    product = _codes(frame["product"], _ids(data, ("orders", "product"))).astype(np.int64)
    columns = {"cents": cents, "product": product}
    return clustered(entity, len(account_ids), *_clocks(data["orders"], "orders"), columns, (cents, product))


def _leads(data: CanonicalData, ids: list[str], sources: Names) -> Records:
    frame = data["leads"]
    entity = _codes(frame["opportunity_id"], ids).astype(np.int64)
    created, converted = _times(frame["created_at"]), _times(frame["converted_at"])
    order = _owned(frame["lead_id"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy())
    columns: Mapping[str, IntArray] = {
        "response_at": _times(frame["first_response_at"]),
        "source": _codes(frame["source"], sources).astype(np.int64),
    }
    known = np.maximum(created, converted)
    never = np.full(len(known), NEVER, np.int64)
    # The clocks of a lead tie by its key alone, so that the latest one is the last.
    records = clustered(entity, len(ids), created, created, never, {**columns, "seen": known}, (order, order))
    return Records(records.first, records.at, records["seen"], records.until, records.columns)
