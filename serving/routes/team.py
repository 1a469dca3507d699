"""What a study of the past found of behaviours and of teams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service
from serving.team import Group, patterns_in, team_in
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["team"])
_SAME: dict[int | str, dict[str, Any]] = {304: {"description": "what If-None-Match names has not changed"}}


class Alone(Schema):
    """A behaviour by itself, without case mix, reps and the other behaviours."""

    odds_ratio: float
    q: float
    named: bool


class BestAndOthers(Schema):
    """Means over the deals of the best quarter of the reps, and of the others."""

    best: float
    others: float


class Pattern(Schema):
    """A behaviour, compared within each rep's own deals of the same age."""

    feature: str
    behaviour: str
    unit: str
    label: str
    low: float = Field(alias="from", description="half a standard deviation below the usual")
    high: float = Field(alias="to", description="half a standard deviation above")
    odds_ratio: float = Field(description="of winning, `to` rather than `from`; drawn towards 1")
    interval: list[float] = Field(description="95%, of odds_ratio", min_length=2, max_length=2)
    points: float = Field(description="the same in probability, on the mean over the deals")
    q: float = Field(description="false-discovery rate")
    named: bool = Field(description="whether it goes with winning beyond chance; never that it is the cause")
    unadjusted: Alone
    n_deals: int
    n_reps: int
    best: BestAndOthers | None = Field(description="null where the groups are too small")
    text: str


class BestGroup(Schema):
    """How large the group of the best is, and why it is not shown where it is not."""

    share: float
    n_reps: int | None
    note: str | None


class Patterns(Schema):
    """Which behaviours go with winning, the surest first."""

    as_of: str
    landmark_days: list[int] = Field(description="ages at which closed deals are compared")
    n_deals: int
    n_won: int
    n_reps: int
    false_discovery_rate: float
    notice: str
    abstained: str | None = Field(description="why nothing is said, where too little has closed")
    behaviours: list[Pattern]
    unmeasured: list[str] = Field(description="features that vary too little to be judged")
    best_group: BestGroup | None


class Share(Schema):
    """A share with its 95% interval, and of how many cases it tells; null where there are none."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Quartiles(Schema):
    """By when a quarter, a half and three quarters had ended; null where that is not known yet."""

    p25: float | None
    p50: float | None
    p75: float | None
    n: int


class Median(Schema):
    """The middle of some cases."""

    p50: float | None
    n: int


class FunnelStage(Schema):
    """Of the deals that entered a stage; moved_on, lost and undecided add up to 1."""

    stage: str
    n: int
    moved_on: Share
    lost: Share
    undecided: float | None
    days: Quartiles


class Results(Schema):
    """Deals created and closed in the window."""

    created: int
    closed: int
    won: int
    win_share: Share
    days_to_win: Median
    days_to_loss: Median
    value_won: float | None
    value_of_a_win: Median


class ByText(Schema):
    """Deals of one source or product; `others`: all that are not listed, together."""

    name: str | None
    others: bool
    created: int
    closed: int
    won: int
    win_share: Share


class LossReason(Schema):
    """Lost deals of one reason."""

    name: str | None
    others: bool
    n: int
    share: Share


class Response(Schema):
    """How fast leads and customers were answered."""

    lead_hours: Quartiles
    leads_answered_within_a_day: Share
    reply_hours: Median = Field(description="over deals, of the mean time to answer the customer")


class ProcessFigure(Schema):
    """The mean of a feature over open deals at regular moments of the window."""

    feature: str
    unit: str
    label: str
    mean: float | None
    n_deals: int


class Figures(Schema):
    """Figures of a group of reps, or of one."""

    suppressed: str | None
    n_reps: int
    n_deals: int
    results: Results
    funnel: list[FunnelStage]
    sources: list[ByText]
    products: list[ByText]
    loss_reasons: list[LossReason]
    response: Response
    process: list[ProcessFigure]


class Named(Schema):
    """A group by its kind and name."""

    kind: Literal["all", "team", "region", "rep"]
    name: str | None


class Listed(Schema):
    """A group there is, and whether it is large enough to be shown."""

    name: str
    shown: bool


class Floor(Schema):
    """Below either a group is not shown."""

    reps: int
    deals: int


class TeamAnswer(Schema):
    """Figures of one group; a rep's own stand beside the team's, or the firm's where that is too small."""

    as_of: str
    window_days: int
    every_days: int
    currency: str | None
    least: Floor
    notice: str
    group: Named
    suppressed: str | None = Field(description="why there are no figures, of a group that is too small")
    figures: Figures | None
    compared_with: Named | None
    beside: Figures | None
    teams: list[Listed]
    regions: list[Listed]


@router.get(
    "/patterns",
    response_model=Patterns,
    summary="Which behaviours go with winning, and what the best do differently",
    responses=_SAME,
)
def patterns(
    request: Request,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """As `dealcast study` found them: associations in the firm's past, adjusted; nobody is ranked."""
    service: Service = request.app.state.service
    given = patterns_in(service.settings.bundles, language_of(accept_language))
    return reply(request, given.body, given.tag)


@router.get(
    "/team",
    response_model=TeamAnswer,
    summary="Funnel, sources, response and process of the firm, a team, a region, or a rep beside the team",
    responses=_SAME,
)
def team(
    request: Request,
    team_id: Annotated[str | None, Query(description="figures of this team")] = None,
    rep_id: Annotated[str | None, Query(description="own figures, for that rep")] = None,
    region: Annotated[str | None, Query(description="figures of the reps of this region")] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """As `dealcast study` found them; without a group the firm's. Groups that are too small are not shown."""
    service: Service = request.app.state.service
    group = Group(team_id, rep_id, region)
    given = team_in(service.settings.bundles, group, language_of(accept_language))
    return reply(request, given.body, given.tag)
