"""Bodies of requests and answers; the records' shapes come from the tables' declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from features.errors import DataError
from features.tables import TABLES, Column, Kind, Table
from features.times import ISO_8601, parse_instant

_RECORD = ConfigDict(extra="ignore", coerce_numbers_to_str=True, str_max_length=10_000, defer_build=True)
_FURTHER: ConfigDict = {**_RECORD, "extra": "allow"}


def _instant(value: Any, info: ValidationInfo) -> Any:
    """Microseconds of an ISO 8601 text; without an offset in the time zone of the context."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time as text")  # noqa: TRY004
    value = value.strip().upper()
    if not re.match(ISO_8601, value):
        raise ValueError("is not an ISO 8601 time such as 2025-03-31T09:00:00Z")
    try:
        return parse_instant(value, (info.context or {}).get("time_zone", "UTC"), name="time")
    except DataError as error:
        raise ValueError(str(error)) from None


def _word(value: Any) -> Any:
    """A category as it is declared: lower case, with underscores; empty is missing."""
    if not isinstance(value, str):
        return value
    return "_".join(value.strip().lower().replace("-", " ").split()) or None


def _tidy(value: Any) -> Any:
    """Text without outer blanks; empty is missing. A whole number may stand for an id."""
    if isinstance(value, bool | float):
        raise ValueError("must be text")  # noqa: TRY004
    return (value.strip() or None) if isinstance(value, str) else value


def _no_bool(value: Any) -> Any:
    """A number; true and false are none."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004
    return value


_ISO = WithJsonSchema({"type": "string", "format": "date-time"})
Instant = Annotated[int, BeforeValidator(_instant), _ISO]
OptionalText = Annotated[str | None, BeforeValidator(_tidy)]
OptionalInstant = Annotated[int | None, BeforeValidator(_instant), _ISO]


def _type_of(column: Column) -> Any:
    match column.kind:
        case Kind.TIME:
            return Instant if column.required else OptionalInstant
        case Kind.NUMBER:
            limit = Field(allow_inf_nan=False, ge=column.minimum, description=f"unit: {column.unit}")
            number = Annotated[float, limit]  # the limit is the number's, not nothing's
            return Annotated[number if column.required else number | None, BeforeValidator(_no_bool)]
        case Kind.CATEGORY if column.allowed:
            words: Any = Literal.__getitem__(column.allowed)
            return Annotated[words if column.required else words | None, BeforeValidator(_word)]
        case _:
            return Annotated[str if column.required else str | None, BeforeValidator(_tidy)]


class Schema(BaseModel):
    """A body or an answer. How it is read is worked out when it is first asked for: the document needs most
    of them, and a worker only few."""

    model_config = ConfigDict(defer_build=True)


def record_model(
    name: str, table: Table, *, without: tuple[str, ...] = (), further: bool = False, **more: Any
) -> type[BaseModel]:
    """A model of a table's rows, for request bodies.

    Args:
        without: columns that are given by a row's place.
        further: keep columns that the table does not declare; else they are passed over.
    """
    fields: dict[str, Any] = {
        column.name: (_type_of(column), ... if column.required else None)
        for column in table.columns
        if column.name not in without
    }
    return create_model(name, __config__=_FURTHER if further else _RECORD, **fields, **more)


_OF_DEAL = ("opportunity_id",)
_OF_ACCOUNT = ("account_id",)
StageChange = record_model("StageChange", TABLES["stage_changes"], without=_OF_DEAL)
FieldChange = record_model("FieldChange", TABLES["field_changes"], without=_OF_DEAL)
Activity = record_model(
    "Activity", TABLES["activities"], without=("opportunity_id", "account_id"),
                        opportunity_id=(OptionalText, None), account_id=(OptionalText, None))  # fmt: skip
Account = record_model(
    "Account", TABLES["accounts"], without=_OF_ACCOUNT, further=True, account_id=(OptionalText, None)
)
Lead = record_model("Lead", TABLES["leads"], without=_OF_DEAL)
Contact = record_model("Contact", TABLES["contacts"], without=_OF_ACCOUNT, account_id=(OptionalText, None))
Order = record_model("Order", TABLES["orders"], without=_OF_ACCOUNT, account_id=(OptionalText, None))


class OtherOpportunity(Schema):
    """Another deal of the account: what was won, lost, and is open beside this one."""

    model_config = _RECORD

    opportunity_id: Annotated[str, BeforeValidator(_tidy)]
    created_at: Instant
    closed_at: OptionalInstant = None
    outcome: Annotated[Literal["won", "lost"] | None, BeforeValidator(_word)] = None


PostedOpportunity = record_model(
    "PostedOpportunity",
    TABLES["opportunities"],
    further=True,  # columns may be features of a model
    stage_changes=(list[StageChange], []),  # type: ignore[valid-type]
    field_changes=(list[FieldChange], []),  # type: ignore[valid-type]
    activities=(list[Activity], []),  # type: ignore[valid-type]
    account=(Account | None, None),
    contacts=(list[Contact], []),  # type: ignore[valid-type]
    orders=(list[Order], []),  # type: ignore[valid-type]
    leads=(list[Lead], []),  # type: ignore[valid-type]
    account_opportunities=(list[OtherOpportunity], []),
)


class ScoreRequest(Schema):
    """Histories to score; nothing is kept of them."""

    as_of: Annotated[OptionalInstant, Field(description="default: now")] = None
    explain: bool = Field(default=True, description="with reasons")
    opportunities: list[PostedOpportunity] = Field(min_length=1)  # type: ignore[valid-type]


class Evidence(Schema):
    """One observation behind a reason; `typical` is the median where things went well."""

    feature: str
    value: float | str | None
    unit: str
    typical: float | None
    text: str


class Reason(Schema):
    """What one behaviour group adds to the base rate; all of them with it are the probability."""

    behaviour: str
    points: float
    percent_points: int
    direction: Literal["up", "down", "none"]
    actionable: bool
    stability: float | None = Field(
        description="share of refits whose reason points the same way; null: not known, or no points"
    )
    text: str
    evidence: list[Evidence]


class Reliability(Schema):
    """What came true of such scores on a forward test; n counts deals or accounts."""

    low: float = Field(alias="from")
    high: float = Field(alias="to")
    observed: float
    n: int


class TargetAnswer(Schema):
    """One probability; where it cannot be given, `abstained` says why and the rest is null."""

    probability: float | None
    percent: int | None
    rung: Literal["model", "stage_rate", "base_rate"] | None = Field(
        description="what the probability is: the model's own, or where the forward test did not show the"
        " model to be better, the rate of the stage or of all"
    )
    tier: Literal["low", "medium", "high"] | None
    base_rate: float | None
    base_percent: int | None
    given_stage: str | None = Field(description="win: asked given that the deal reaches this stage")
    interval: tuple[float, float] | None = Field(
        description=(
            "low and high, in [0, 1], with the probability between them: where the share that comes true"
            " among deals with this score lies, as far as the deals of the forward test can tell (90% of"
            " draws of them). It is wide where few such deals were seen. It says nothing of how this one"
            " deal ends. Null where the model was trained before there were intervals"
        )
    )
    reliability: Reliability | None
    reasons: list[Reason] | None
    abstained: str | None


class ExpectedClose(Schema):
    """When the deal is expected to close; null until a model of it is trained."""

    p10: str | None
    p50: str | None
    p90: str | None


class Score(Schema):
    """An opportunity's scores at one moment."""

    prediction_id: str
    opportunity_id: str
    account_id: str
    rep_id: str | None
    stage: str | None
    amount: float | None
    as_of: str
    data_as_of: str | None
    win: TargetAnswer
    stall: TargetAnswer
    churn: TargetAnswer
    expected_close: ExpectedClose
    model: dict[str, str | None]
    unseen: list[str] = Field(
        description="features with a text that no model was trained on: read as missing"
    )


class ScoreResponse(Schema):
    """One score per posted opportunity, in the same order."""

    scores: list[Score]


def rows_of(opportunity: BaseModel) -> Mapping[str, list[dict[str, Any]]]:
    """A posted opportunity as canonical rows by table.

    Its changes are its own; its contacts and orders are its account's unless they name another;
    an activity is its own unless it names another opportunity, or gives null for it. The other deals
    of its account carry no more than when they were open and how they ended.
    """
    posted = opportunity.model_dump()
    said = [activity.model_fields_set for activity in opportunity.activities]  # type: ignore[attr-defined]
    account = posted["account_id"]
    nested = {name: posted.pop(name) for name in _NESTED}
    own = {"opportunity_id": posted["opportunity_id"]}
    tables = {
        "opportunities": [posted, *(_other(row, account) for row in nested["account_opportunities"])],
        "stage_changes": [row | own for row in nested["stage_changes"]],
        "field_changes": [row | own for row in nested["field_changes"]],
        "activities": [
            row if "opportunity_id" in given else row | own
            for row, given in zip(nested["activities"], said, strict=True)
        ],
        "accounts": [nested["account"] | {"account_id": account}] if nested["account"] else [],
        "contacts": [row | {"account_id": row["account_id"] or account} for row in nested["contacts"]],
        "orders": [row | {"account_id": row["account_id"] or account} for row in nested["orders"]],
        "leads": [row | own for row in nested["leads"]],
    }
    return {name: settled(TABLES[name], rows) for name, rows in tables.items()}


_NESTED = (
    "stage_changes", "field_changes", "activities", "account", "contacts", "orders", "leads",
    "account_opportunities",
)  # fmt: skip


def _other(row: dict[str, Any], account: str) -> dict[str, Any]:
    """Another deal of the account as a row of `opportunities`."""
    return row | {"account_id": account, "rep_id": None}


def settled(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per version of a key, chosen by content as the cleaning of a data set chooses.

    Versions differ in when they were recorded; of two rows of one version the greater counts,
    column by column as declared, an empty column being least.
    """
    chosen: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
    for row in rows:
        version = (*(row.get(column) for column in table.key), row.get("recorded_at") or row.get("at"))
        rank = [(row.get(column) is not None, row.get(column)) for column in table.column_names]
        if "created_at" in row and table.name != "opportunities":  # the earliest creation comes first
            rank.insert(0, (row["created_at"] is not None, -(row["created_at"] or 0)))
        if version not in chosen or chosen[version][0] < rank:
            chosen[version] = (rank, row)
    return [row for _, row in chosen.values()]


def known_of(row: Mapping[str, Any]) -> int:
    """When a row under two clocks was recorded: `at` where that is not given; microseconds."""
    recorded = row.get("recorded_at")
    return int(row["at"] if recorded is None else recorded)


def latest_known(rows: Mapping[str, list[dict[str, Any]]]) -> int:
    """The latest instant at which any of the rows was recorded, in microseconds."""
    times = [row.get("recorded_at") or row["at"] for table in rows.values() for row in table if "at" in row]
    times += [row["created_at"] for row in rows["opportunities"]]
    return int(max(times))
