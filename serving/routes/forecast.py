"""The revenue forecast."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from serving.bookings import question_of
from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service

router = APIRouter(prefix="/v1", tags=["forecast"])


class Bookings(Schema):
    """Bookings of a period: booked already, from open deals, from deals not created yet.

    mean = booked + open + new, and the means of the groups add up to that of the whole; quantiles do not.
    """

    group: dict[str, str] | None = Field(description="values of the columns asked by; null: all deals")
    period: Literal["week", "month", "quarter", "horizon"]
    begin: str
    end: str = Field(description="exclusive")
    whole: bool = Field(description="false where the forecast ends before the period does")
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    mean: float
    booked: float
    open: float
    new: float


class Record(Schema):
    """What the latest `dealcast backtest` showed: forecasts as if live, judged by what came."""

    run_id: str
    period: Literal["horizon", "month", "quarter"] = Field(description="horizon: windows of `days`")
    days: int
    windows: int
    first: str
    last: str
    wape: float = Field(description="sum of the errors of P50 over the bookings that came")
    bias: float
    coverage_80: float = Field(description="share of the bookings within P10 and P90, as they were shown")
    coverage_50: float = Field(description="the same of P25 and P75")
    coverage_80_as_drawn: float = Field(description="before any widening")
    baseline: str | None = Field(description="the best of the simple baselines")
    baseline_wape: float | None
    widening: float
    weeks: int = Field(description="calendar weeks, each as it was said before it began; none overlap")
    week_coverage_80: float | None
    week_coverage_80_as_drawn: float | None
    week_widening: float


class Flow(Schema):
    """The quarter's expected bookings at two dates and what lies between: before + parts = after."""

    since: str
    begin: str = Field(description="of the quarter that holds `as_of`")
    end: str
    before: float
    after: float
    parts: dict[str, float] = Field(
        description="new, won, lost, pushed, pulled_in, grown, shrunk, likelier, less_likely, corrected,"
        " not_created_yet; multiples of 0.01"
    )


class Target(Schema):
    """A target and the share of draws, as wide as the ranges shown, that reach it."""

    team_id: str = Field(description="(all): the whole")
    quarter: str
    amount: float
    p50: float
    probability: float


class ForecastAnswer(Schema):
    """Bookings to come; amounts in units of `currency`."""

    as_of: str
    data_as_of: str | None
    currency: str | None
    horizon_days: int
    by: list[str]
    draws: int
    time_zone: str = Field(description="in which weeks, months and quarters begin")
    models: dict[str, str] = Field(description="versions of win and close")
    widening: float = Field(description="factor of every distance from P50 that the backtest asks for")
    week_widening: float = Field(description="the same of calendar weeks")
    record: Record | None = Field(description="null: no backtest was run, or it was not delivered yet")
    periods: list[Bookings]
    flow: Flow | None = Field(description="null: no `since`")
    targets: list[Target] | None = Field(description="null: there is no table of targets")
    notes: list[str] = Field(description="what was left out or assumed")


@router.get(
    "/forecast",
    response_model=ForecastAnswer,
    summary="Bookings to come, by week, month and quarter",
    responses={
        304: {"description": "what If-None-Match names has not changed"},
        409: {
            "description": "no-forecast: the data have mixed currencies or no win yet; unusable-targets: the"
            " table of targets is not understood"
        },
    },
)
def forecast(  # noqa: PLR0917
    request: Request,
    by: Annotated[
        str, Query(description="columns with commas: rep_id, team_id, region, product, source")
    ] = "",
    horizon: Annotated[int, Query(ge=1, le=730, description="days ahead")] = 90,
    as_of: Annotated[str | None, Query(description="ISO 8601; default: as of today's forecast")] = None,
    currency: Annotated[str | None, Query(description="of the deals that count")] = None,
    draws: Annotated[int, Query(ge=100, le=20_000, description="of the Monte Carlo")] = 2_000,
    since: Annotated[
        str | None, Query(description="ISO 8601, earlier in the quarter of `as_of`: what changed since then")
    ] = None,
) -> Any:
    """The figures of `dealcast forecast`; kept until records come in, a model changes or the day ends."""
    service: Service = request.app.state.service
    given = service.forecast(question_of(by, horizon, currency, draws), as_of, since)
    return reply(request, given.body, given.tag)
