"""The alerts of open deals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.alerts import Question
from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["lists"])


class Cause(Schema):
    """The greatest part of a drop, from the change ledger."""

    behaviour: str = Field(description="a behaviour, or `clock`: the mere passage of time")
    points: float
    percent_points: int
    text: str


class AlertAnswer(Schema):
    """A rule that speaks of an open deal."""

    rule: str
    opportunity_id: str
    account_id: str
    rep_id: str | None
    team_id: str | None
    stage: str | None
    amount: float | None
    strength: float = Field(description="the higher the worse, in the rule's own unit")
    threshold: float
    text: str
    evidence: dict[str, float | None] = Field(description="the values that the text shows")
    cause: Cause | None = Field(description="of a drop of the win probability")


class RuleRecord(Schema):
    """What became of a rule's alerts on past weeks that did not choose its threshold."""

    precision: float = Field(description="share of alerts after which the outcome came")
    low: float = Field(description="of a 90% interval")
    high: float
    alerts: int
    deals: int
    base_rate: float = Field(description="the same share of all open deals")
    base_low: float
    base_high: float
    base_deals: int
    lead_days: float | None = Field(description="median days from a deal's first right alert to its loss")
    per_week: float
    new_per_week: float
    per_rep_week: float
    per_100_deals: float


class AlertRule(Schema):
    """A rule, its threshold and its record; null where there is none, `why` says why."""

    title: str
    outcome: Literal["lost", "stalled", "left"]
    horizon_days: int | None
    threshold: float | None = Field(description="null where no deal is open or the rule's model is missing")
    record: RuleRecord | None
    why: str | None


class GroupFall(Schema):
    """A team, region or rep whose win rate fell more than the rest of the firm's in the quarter to the study.

    change = mix + behaviour + rate, and behaviour is the sum of `behaviours`.
    """

    column: Literal["team_id", "region", "rep_id"]
    name: str
    p: float
    q: float = Field(description="p adjusted for all groups of the kind; falls up to 0.1 are named")
    deals_now: int
    deals_before: int
    win_rate_now: float
    win_rate_before: float
    firm_now: float
    firm_before: float
    change: float
    mix: float = Field(description="other kinds and sources of deals")
    behaviour: float = Field(description="what the group's behaviours go together with in the whole firm")
    rate: float = Field(description="the rest")
    behaviours: dict[str, float]
    text: str


class AlertsPage(Schema):
    """Alerts, those of the rules that have been right most often first; `next` is the next page's cursor."""

    as_of: str
    study_as_of: str | None = Field(description="of the study behind thresholds and records; null: none")
    note: str | None
    budget_per_rep_week: float | None
    rules: dict[str, AlertRule]
    alerts: list[AlertAnswer]
    groups: list[GroupFall] = Field(description="as of the study; a rep's own only where rep_id names them")
    next: str | None


@router.get(
    "/alerts",
    response_model=AlertsPage,
    summary="Open deals that need a look, with the record of each rule",
    responses={304: {"description": "what If-None-Match names has not changed"}},
)
def alerts(  # noqa: PLR0917
    request: Request,
    rep_id: Annotated[str | None, Query(description="deals of this rep alone")] = None,
    team_id: Annotated[str | None, Query(description="deals of this team's reps alone")] = None,
    rule: Annotated[str | None, Query(description="alerts of this rule alone")] = None,
    as_of: Annotated[str | None, Query(description="ISO 8601; default: as of today's pipeline")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """Kept until records come in, a model or the study changes or the day ends."""
    service: Service = request.app.state.service
    given = service.alerts(
        Question(rep_id, team_id, rule, limit, cursor), as_of, language_of(accept_language)
    )
    return reply(request, given.body, given.tag)
