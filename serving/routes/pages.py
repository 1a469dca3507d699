"""The pages: what the API answers, as HTML."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import msgspec
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from serving import priorities
from serving.alerts import Question
from serving.bookings import HORIZON, HORIZONS, SPLITS, question_of
from serving.kept import tag_of
from serving.pages.assets import asset
from serving.pages.contexts import deal_context, team_context
from serving.pages.periods import KINDS
from serving.pages.render import Site, render
from serving.pages.shown import Shown
from serving.pages.texts import TEXTS
from serving.pipeline import Sort, Wanted
from serving.problems import Problem, problem_of, unfit
from serving.routes import health
from serving.routes.replies import reply, takes_gzip
from serving.service import Service
from serving.team import Group
from serving.wording import Language, language_of

log = logging.getLogger("dealcast.serving")
ROWS = 50  # deals of a page
SPANS = (7, 30)  # days back that changes are told of
NEAREST = 10  # similar deals
CAPACITIES = (3, 5, 10, 20)  # actions a week of a rep
AT_ONCE = 500  # open deals whose actions are judged unasked, which takes about a second
Kind = Literal["week", "month", "quarter"]
Split = Literal["", "team_id", "region", "product", "source"]
SHOWN_FIGURES = ("p10", "p50", "p90", "mean", "booked", "open", "new")
SORTS = ("-win", "win", "-stall", "stall", "-churn", "churn", "-amount", "amount", "opportunity_id")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "vary": "Accept-Encoding, Accept-Language, Cookie",
}
_OF_PROGRAMS = ("/v1/", "/v2/")
_YEAR = 365 * 24 * 3600
_LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")
_PACKED_FROM = 1_024


class PageRoute(APIRoute):
    """A route whose errors are pages too, with the status of the problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        declared = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await declared(request)
            except Exception as error:  # noqa: BLE001
                return _fault(request, error)

        return handle


router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
def pipeline(
    request: Request,
    rep_id: str = "",
    team_id: str = "",
    sort: Sort = "-win",
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """The open deals with their scores."""
    service, site = _asked(request)
    wanted = Wanted(rep_id or None, team_id or None, sort, ROWS, cursor)
    page = service.pipeline(wanted, None, site.shown.language)
    summary = service.summary(wanted, None)
    kept = {name: value for name, value in (("rep_id", rep_id), ("team_id", team_id)) if value}

    def sorted_by(by: str, **more: str) -> str:
        return "/?" + urlencode(kept | {"sort": by} | more)

    given = _decoded(page.body)
    context = {
        "pipeline": given,
        "summary": _decoded(summary.body),
        "asked": wanted,
        "sorts": SORTS,
        "sorted": sorted_by,
        "following": sorted_by(sort, cursor=given["next"]) if given["next"] else None,
    }
    return _page(request, site, "pipeline", context)


@router.get("/deals")
def find(id: str) -> Response:
    """To the page of the deal whose id was typed in."""
    return RedirectResponse(deal_address(id.strip()), status_code=303, headers=HEADERS)


@router.get("/deals/{opportunity_id:path}")
def deal(request: Request, opportunity_id: str, days: Annotated[int, Query(ge=1, le=730)] = 7) -> Response:
    """One deal: scores, reasons, what changed, what to do."""
    service, site = _asked(request)
    context = deal_context(service, opportunity_id, days, site.shown.language)
    own = deal_address(opportunity_id)
    context |= {
        "spans": [{"days": span, "href": f"{own}?days={span}"} for span in SPANS],
        "json": f"/v1/opportunities/{quote(opportunity_id, safe='')}/score",
        "similar_at": "/similar?" + urlencode({"id": opportunity_id, "as_of": context["deal"]["as_of"]}),
    }
    return _page(request, site, "deal", context)


@router.get("/similar")
def similar(request: Request, id: str, as_of: str | None = None) -> Response:
    """The closed deals most like one, which take a while: a page that the deal's page takes in."""
    service, site = _asked(request)
    given = service.similar(id, as_of, NEAREST, site.shown.language)
    return _page(request, site, "similar", {"similar": _decoded(given.body)})


@router.get("/week")
def week(
    request: Request,
    rep_id: str = "",
    team_id: str = "",
    capacity: Annotated[int, Query(ge=1, le=100)] = priorities.CAPACITY,
    everybody: bool = False,
) -> Response:
    """The week's lists; of many deals not before somebody has chosen whose."""
    service, site = _asked(request)
    asked = priorities.Question(rep_id or None, team_id or None, capacity)
    wanted = Wanted(asked.rep_id, asked.team_id)
    summary = _decoded(service.summary(wanted, None).body)
    chosen = everybody or asked.rep_id or asked.team_id or summary["open"] <= AT_ONCE
    context = {
        "week": _decoded(service.priorities(asked, None, site.shown.language).body) if chosen else None,
        "asked": asked,
        "summary": summary,
        "capacities": sorted({*CAPACITIES, capacity}),
        "everybody": f"/week?capacity={capacity}&everybody=true",
    }
    return _page(request, site, "week", context)


@router.get("/alerts")
def alerts(
    request: Request, rule: str = "", rep_id: str = "", team_id: str = "", cursor: str | None = None
) -> Response:
    """The open deals that need a look, and what each rule is worth."""
    service, site = _asked(request)
    asked = Question(rep_id or None, team_id or None, rule or None, ROWS, cursor)
    given = _decoded(service.alerts(asked, None, site.shown.language).body)
    named = (("rule", rule), ("rep_id", rep_id), ("team_id", team_id))
    kept = {name: value for name, value in named if value}
    context = {
        "alerts": given,
        "asked": asked,
        "summary": _decoded(service.summary(Wanted(), None).body),
        "begin": "/alerts?" + urlencode(kept),
        "following": "/alerts?" + urlencode({**kept, "cursor": given["next"]}) if given["next"] else None,
    }
    return _page(request, site, "alerts", context)


@router.get("/forecast")
def forecast(
    request: Request,
    period: Kind = "month",
    horizon: Annotated[int, Query(ge=1, le=730)] = HORIZON,
    by: Split = "",
) -> Response:
    """The bookings to come."""
    service, site = _asked(request)
    given = service.forecast(question_of(by, horizon), None)
    context = {
        "forecast": _decoded(given.body),
        "asked": {"period": period, "horizon": horizon, "by": by},
        "kinds": KINDS,
        "horizons": HORIZONS,
        "splits": SPLITS,
    }
    return _page(request, site, "forecast", context)


@router.get("/team")
def team(
    request: Request, group: str = "", rep_id: str = "", team_id: str = "", region: str = ""
) -> Response:
    """What goes with winning, and the figures of the firm, a team, a region, or a rep's own: chosen on the
    page (`group`), or named as in the API."""
    service, site = _asked(request)
    named = Group(team_id or None, rep_id.strip() or None, region or None)
    context = team_context(service, _group_of(group, named), site.shown.language)
    return _page(request, site, "team", context)


@router.get("/models")
def models(request: Request) -> Response:
    """The models that are served, and how they did."""
    _, site = _asked(request)
    return _page(request, site, "models", {"models": health.models_of(request, site.shown.language)})


@router.get("/static/{name:path}")
def static(request: Request, name: str, v: str = "") -> Response:
    """A file that pages link to; kept by browsers as long as its content stays."""
    try:
        found = asset(name)
    except KeyError:
        raise Problem(404, "not-found", "Not found", "there is no such file") from None
    fresh = v == found.version
    headers = {
        **HEADERS,
        "cache-control": f"public, max-age={_YEAR}, immutable" if fresh else "no-cache",
        "vary": "Accept-Encoding",
    }
    packed = len(found.body) >= _PACKED_FROM and takes_gzip(request.headers.get("accept-encoding"))
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(found.packed if packed else found.body, media_type=found.media_type, headers=headers)


def tell_people(app: FastAPI) -> None:
    """Answer a browser that asks for no page of ours with a page; programs get their problem+json."""

    async def missing(request: Request, error: Exception) -> Response:
        if _reads_pages(request):
            return _fault(request, error)
        problem = problem_of(error)
        request.scope["problem"] = problem.name
        return problem.response()

    app.add_exception_handler(404, missing)


def refusal(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """A refusal of the gate: a page for a browser that asked for one, problem+json for programs."""
    request = Request(scope)
    return _told(request, problem) if _reads_pages(request) else problem.response()


def _reads_pages(request: Request) -> bool:
    of_programs = str(request.scope["path"]).startswith(_OF_PROGRAMS)
    return not of_programs and "text/html" in request.headers.get("accept", "")


def deal_address(opportunity_id: str) -> str:
    """The address of a deal's page; an id may hold any sign."""
    return "/deals/" + quote(opportunity_id, safe="")


def asset_address(name: str) -> str:
    """The address of a file, which changes with its content."""
    return f"/static/{name}?v={asset(name).version}"


def _asked(request: Request) -> tuple[Service, Site]:
    service: Service = request.app.state.service
    return service, _site(request, service.time_zone)


def _site(request: Request, time_zone: str) -> Site:
    theme = request.cookies.get("dealcast_theme", "")
    return Site(
        shown=Shown(_language(request), time_zone),
        deal=deal_address,
        asset=asset_address,
        languages={each: _in(request, each) for each in _LANGUAGES},
        theme=theme if theme in ("light", "dark") else "",
    )


def _language(request: Request) -> Language:
    """By the address, else as chosen before, else as the browser prefers."""
    for said in (request.query_params.get("lang"), request.cookies.get("dealcast_lang")):
        for each in _LANGUAGES:
            if said == each:
                return each
    return language_of(request.headers.get("accept-language"))


def _in(request: Request, language: Language) -> str:
    """The address of the same page in a language."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{quote(request.url.path)}?{urlencode([*pairs, ('lang', language)])}"


def _page(request: Request, site: Site, name: str, context: Mapping[str, Any]) -> Response:
    html = render(name, site, context).encode()
    answer = reply(request, html, tag_of(html), "text/html; charset=utf-8", HEADERS)
    if request.query_params.get("lang") in _LANGUAGES:
        answer.set_cookie("dealcast_lang", site.shown.language, max_age=_YEAR, httponly=True, samesite="lax")
    return answer


def _fault(request: Request, error: Exception) -> Response:
    """What went wrong as a page; what is ours is in the log too."""
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("%s: %s", request.method, problem.name, exc_info=error)
    request.scope["problem"] = problem.name
    return _told(request, problem)


def _told(request: Request, problem: Problem) -> Response:
    """A problem as a page."""
    key = f"error.{problem.name}"
    key = key if key in TEXTS else "error.other"
    site = _site(request, "UTC")
    told = {"title": site.shown.text(key), "help": site.shown.text(f"{key}.help"), "problem": problem}
    again = problem.response().headers.get("retry-after")
    headers = HEADERS | ({"retry-after": again} if again else {})
    return HTMLResponse(render("error", site, told), problem.status, headers)


def _group_of(group: str, named: Group) -> Group:
    """The named group with the one that was chosen, as `kind:name`. Raises Problem (422) of another kind."""
    kind, _, name = group.partition(":")
    if kind not in ("", "team", "region"):
        raise unfit("group", "allowed: team:NAME, region:NAME")
    if not kind:
        return named
    return replace(named, team_id=name) if kind == "team" else replace(named, region=name)


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)
