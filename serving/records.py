"""Records that are posted: each validated by its table's declaration, then kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel, Field, ValidationError, create_model

from features.tables import TABLES, Kind
from features.times import iso
from serving.problems import Problem, not_json
from serving.schemas import Schema, record_model
from serving.store.appending import Appended, Call, Once
from serving.store.store import Store
from serving.store.verdicts import REFUSED, REPEAT, STORED, Verdict
from serving.store.versions import StoredRow

MOST_RECORDS = 10_000
_MOST_KEY = 255  # characters of an Idempotency-Key


def _model(table: str) -> type[BaseModel]:
    name = "".join(part.capitalize() for part in table.split("_"))
    return record_model(f"{name}Record", TABLES[table], further=True)


MODELS: Mapping[str, type[BaseModel]] = {table: _model(table) for table in TABLES}
_FIELDS: dict[str, Any] = {
    "backfill": (
        bool,
        Field(
            default=False,
            description="records without `recorded_at` were known when they happened; else they become"
            " known when the server receives them",
        ),
    ),
    **{table: (list[model], Field(default=[])) for table, model in MODELS.items()},  # type: ignore[valid-type]
}
RecordsRequest = create_model("RecordsRequest", __base__=Schema, **_FIELDS)
RecordsRequest.__doc__ = "Canonical records to keep, 1 to 10,000 in all; further columns are kept too."


class RecordVerdict(Schema):
    """What became of a record; a refused one says where and why, and never what stood there."""

    status: str = Field(description="stored, repeat (known already), or refused")
    at: str | None = Field(default=None, description="the column")
    rule: str | None = None
    message: str | None = None


class RecordsAnswer(Schema):
    """What became of the records of one call; what is `stored` or `repeat` is durable."""

    received_at: str
    watermark: int = Field(description="grows with every record; what a receipt names")
    stored: int
    repeats: int
    refused: int
    records: dict[str, list[RecordVerdict]] = Field(description="by table, in the order of the call")


@dataclass(frozen=True)
class Posted:
    """A call's records as far as they are valid.

    Attributes:
        rows: by table, the valid ones.
        verdicts: by table, one per record; None where it is valid, and the store decides.
    """

    rows: Mapping[str, Sequence[StoredRow]]
    verdicts: Mapping[str, Sequence[Verdict | None]]
    backfill: bool


def keep(store: Store, body: bytes, key: str | None, clock: Callable[[], int], time_zone: str) -> str:
    """The answer, as JSON, to a body of records; they are on the disk when it is given.

    Args:
        key: of the call, so that it happens once however often it is sent.
        clock: tells when they came in, in microseconds.
        time_zone: in which times without an offset are read.

    Raises:
        Problem: 400 for no JSON, 422 for another shape, too many records or an unusable key.
        KeyReused, StoreFull, StoreAway: see `Store.append`.
    """
    once = None if key is None else Once(_checked(key), hashlib.sha256(body).hexdigest())
    posted = parsed(body, time_zone)
    call = Call(posted.rows, clock, posted.backfill, once=once)
    return store.append(call, lambda appended: json.dumps(_answer(posted, appended), ensure_ascii=False))


def parsed(body: bytes, time_zone: str) -> Posted:
    """The records of a body. Raises Problem as `keep` does."""
    try:
        tables = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(str(error)) from None
    backfill = _check_shape(tables)
    rows: dict[str, list[StoredRow]] = {}
    verdicts: dict[str, list[Verdict | None]] = {}
    context = {"time_zone": time_zone}
    for table, records in tables.items():
        if table == "backfill":
            continue
        read = [_read(table, record, context) for record in records]
        rows[table] = [row for row in read if not isinstance(row, Verdict)]
        verdicts[table] = [row if isinstance(row, Verdict) else None for row in read]
    return Posted(rows, verdicts, backfill)


def _check_shape(tables: Any) -> bool:
    """Whether the body says that it is a backfill, after its shape is checked."""
    if not isinstance(tables, dict):
        raise _wrong("body", "must be an object with one list of records per table")
    if set(tables) - {*TABLES, "backfill"}:
        raise _wrong("body", f"has a name that is no table's (allowed: {', '.join(TABLES)}, backfill)")
    backfill = tables.get("backfill", False)
    if not isinstance(backfill, bool):
        raise _wrong("backfill", "must be true or false")
    for table in TABLES:
        if not isinstance(tables.get(table, []), list):
            raise _wrong(table, "must be a list of records")
    count = sum(len(tables.get(table, ())) for table in TABLES)
    if not count:
        raise _wrong("body", f"holds no record; 1 to {MOST_RECORDS:,} are taken in one call")
    if count > MOST_RECORDS:
        raise Problem(
            422, "too-many-records", "Too many records",
            f"{count:,} records, at most {MOST_RECORDS:,} are taken in one call",
        )  # fmt: skip
    return backfill


def _read(table: str, record: Any, context: dict[str, str]) -> StoredRow | Verdict:
    """A record as a row (the declared columns, then the further ones as JSON), or why it is refused."""
    try:
        model = MODELS[table].model_validate(record, context=context)
    except ValidationError as error:
        return _refused(table, error.errors(include_url=False, include_input=False)[0])
    values = model.__dict__
    if table == "opportunities" and (contradiction := _contradiction(values)) is not None:
        return contradiction
    row = tuple(values[column] for column in TABLES[table].column_names)
    for column, value in zip(TABLES[table].column_names, row, strict=True):
        if type(value) is str and "\0" in value:
            return Verdict(REFUSED, column, "not_text", "must be text without a NUL character")
    further = model.__pydantic_extra__ or {}
    if any("\0" in name for name in further):
        return Verdict(REFUSED, "", "not_a_name", "a further column has a NUL character in its name")
    return (*row, _extra(further))


def _extra(cells: dict[str, Any]) -> str | None:
    given = {name: value for name, value in cells.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, sort_keys=True) if given else None


_RULES = {Kind.TIME: "not_a_time", Kind.NUMBER: "not_a_number", Kind.CATEGORY: "not_allowed"}


def _refused(table: str, error: Any) -> Verdict:
    column = str(error["loc"][0]) if error["loc"] else ""
    rule = "not_a_record"
    if error["type"] == "missing":
        rule = "missing_value"
    elif error["type"] == "greater_than_equal":
        rule = "below_minimum"
    elif column in TABLES[table].column_names:
        rule = _RULES.get(TABLES[table].column(column).kind, "not_text")
    return Verdict(REFUSED, column, rule, str(error["msg"]))


def _contradiction(deal: Mapping[str, Any]) -> Verdict | None:
    """What the cleaning of a data set quarantines of opportunities is refused here."""
    closed_at, outcome = deal["closed_at"], deal["outcome"]
    if closed_at is not None and outcome is None:
        return Verdict(REFUSED, "outcome", "closed_without_outcome", "closed_at is given without an outcome")
    if closed_at is None and outcome is not None:
        return Verdict(REFUSED, "closed_at", "outcome_without_close", "an outcome is given without closed_at")
    if closed_at is not None and closed_at < deal["created_at"]:
        return Verdict(REFUSED, "closed_at", "closed_before_created", "closed_at lies before created_at")
    return None


def _answer(posted: Posted, appended: Appended) -> dict[str, Any]:
    records: dict[str, list[Verdict]] = {}
    for table, verdicts in posted.verdicts.items():
        decided = iter(appended.verdicts.get(table, ()))
        records[table] = [next(decided) if verdict is None else verdict for verdict in verdicts]
    counts = dict.fromkeys((STORED, REPEAT, REFUSED), 0)
    for verdict in (verdict for its in records.values() for verdict in its):
        counts[verdict.status] += 1
    return {
        "received_at": iso(appended.received_at),
        "watermark": appended.watermark,
        "stored": counts[STORED],
        "repeats": counts[REPEAT],
        "refused": counts[REFUSED],
        "records": {table: [verdict.to_dict() for verdict in its] for table, its in records.items()},
    }


def _checked(key: str) -> str:
    if not 1 <= len(key) <= _MOST_KEY or not key.isascii() or not key.isprintable():
        raise _wrong("Idempotency-Key", f"must be 1 to {_MOST_KEY} printable ASCII characters")
    return key


def _wrong(place: str, message: str) -> Problem:
    errors = ({"at": place, "message": message},)
    return Problem(
        422, "invalid-request", "The request is not valid", f"1 error, first {place}: {message}", errors
    )
