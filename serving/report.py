"""The pages as files that open without a network: the manager's report."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from features.errors import DataError
from serving import priorities
from serving.alerts import Question
from serving.bookings import question_of
from serving.pages.assets import NAMES, asset
from serving.pages.contexts import deal_context, team_context
from serving.pages.render import Link, Site, render
from serving.pages.shown import Shown
from serving.pipeline import Sort, Wanted
from serving.problems import Problem
from serving.routes.pages import DRAWS, SHOWN_FIGURES, SORTS
from serving.service import Service
from serving.team import Group, group_of
from serving.wording import Language
from training.errors import BundleError

LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")
ROWS = 250  # deals of a page
MARK = "report.json"  # by which a folder is known to be a report, and may be written anew
_SORT: Sort = "-stall"  # those that need help first
_DAYS = 7
_MOST_ALERTS = 200
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wished:
    """What the report is to hold.

    Attributes:
        deals: how many open deals have a page of their own: those with alerts, then the likeliest to stall.
        horizon: days of the forecast.
    """

    deals: int = 50
    horizon: int = 90
    languages: Sequence[Language] = LANGUAGES


@dataclass(frozen=True)
class Written:
    """What was written: pages, deals with a page of their own, and what is not there and why."""

    pages: int
    deals: int
    missing: Sequence[str]


def write_report(service: Service, out: Path, wished: Wished, say: Say = lambda _: None) -> Written:
    """The report of a service's open deals, as of its watermark, into a folder.

    The folder appears whole or not at all; an earlier report in it is replaced.

    Raises:
        DataError: the folder holds something else.
        BundleError: no model is served.
    """
    _check(out)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with ThreadPoolExecutor(1) as beside:
        forecasting = beside.submit(_forecast, service, wished.horizon)
        files = _files(_chosen(service, wished.deals))
        forecast, missing = forecasting.result()
        names = ["pipeline", "week", "alerts", *(["forecast"] if forecast else []), "team", "models"]
        if "win" in service.scorer.models:
            beside.submit(service.priorities, priorities.Question(), None, "en")  # to have it then
        else:
            names.remove("week")
            missing.append("no list for the week: there is no win model")
        pages = 0
        for language in wished.languages:
            writer = _Writer(service, part / language, language, wished.languages, files, names)
            for page in _pages(service, writer, forecast, say):
                page()
                pages += 1
    for name in NAMES:
        target = part / "static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(asset(name).body)
    (part / "index.html").write_text(_entrance(wished.languages), encoding="utf-8")
    about = {"versions": dict(service.scorer.versions), "deals": list(files)}
    (part / MARK).write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return Written(pages, len(files), missing)


def _check(out: Path) -> None:
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there and is no report; name a folder that is empty or not there")


def _chosen(service: Service, most: int) -> list[str]:
    """The deals with a page of their own: those with alerts in their order, then the likeliest to stall."""
    body = msgspec.json.decode(service.alerts(Question(limit=_MOST_ALERTS), None, "en").body)
    wanted = Wanted(sort=_SORT, limit=max(most, 1))
    listed = msgspec.json.decode(service.pipeline(wanted, None, "en").body)["opportunities"]
    names = [each["opportunity_id"] for each in (*body["alerts"], *listed)]
    return list(dict.fromkeys(names))[:most]


def _files(deals: Sequence[str]) -> dict[str, str]:
    """A file's name for each deal, whatever its id holds, and on disks that do not tell A from a."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for deal in deals:
        name = deal if _PLAIN.fullmatch(deal) else sha256(deal.encode()).hexdigest()[:16]
        if name.lower() in taken:
            name = sha256(deal.encode()).hexdigest()[:16]
        taken.add(name.lower())
        found[deal] = f"{name}.html"
    return found


def _forecast(service: Service, horizon: int) -> tuple[Mapping[str, Any] | None, list[str]]:
    try:
        given = service.forecast(question_of("team_id", horizon, None, DRAWS), None)
    except (BundleError, DataError, Problem) as error:
        return None, [f"no forecast: {error}"]
    asked = {"period": "month", "horizon": horizon, "by": "team_id"}
    return {"forecast": msgspec.json.decode(given.body), "asked": asked, "figures": SHOWN_FIGURES}, []


def _pages(
    service: Service, writer: _Writer, forecast: Mapping[str, Any] | None, say: Say
) -> Iterator[Callable[[], None]]:
    """Each page of a language, to be written when it is asked for."""
    yield from writer.lists()
    yield writer.alerts
    if forecast is not None:
        yield lambda: writer.write("forecast", "forecast.html", forecast)
    yield from writer.teams()
    yield lambda: writer.write("models", "models.html", {"models": {"models": service.models()}})
    for place, (deal, file) in enumerate(writer.files.items(), start=1):
        say(f"{writer.language}: deal {place} of {len(writer.files)}")
        context = deal_context(service, deal, _DAYS, writer.language)
        context |= {"spans": [], "json": None}
        yield lambda file=file, context=context: writer.write("deal", f"deals/{file}", context)  # type: ignore[misc]
    if "week" in writer.names:
        yield writer.week


@dataclass(frozen=True)
class _Writer:
    """Writes the pages of one language."""

    service: Service
    folder: Path
    language: Language
    languages: Sequence[Language]
    files: Mapping[str, str]
    names: Sequence[str]

    def write(self, page: str, file: str, context: Mapping[str, Any]) -> None:
        """One page into a file of the language's folder."""
        html = render(page, self._site(file), context)
        target = self.folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, encoding="utf-8")

    def lists(self) -> Iterator[Callable[[], None]]:
        """The pages of the open deals, one after the other."""
        summary = msgspec.json.decode(self.service.summary(Wanted(sort=_SORT), None).body)
        cursor: str | None = None
        for number in count(1):
            wanted = Wanted(sort=_SORT, limit=ROWS, cursor=cursor)
            page = msgspec.json.decode(self.service.pipeline(wanted, None, self.language).body)
            context = {
                "pipeline": page,
                "summary": summary,
                "asked": wanted,
                "sorts": SORTS,
                "sorted": lambda *_, **__: _list(1),
                "following": _list(number + 1),
            }
            yield lambda context=context, number=number: self.write("pipeline", _list(number), context)  # type: ignore[misc]
            cursor = page["next"]
            if cursor is None:
                return

    def week(self) -> None:
        """What each rep could do next."""
        given = self.service.priorities(priorities.Question(), None, self.language)
        self.write("week", "week.html", {"week": msgspec.json.decode(given.body)})

    def alerts(self) -> None:
        """The alerts, at most as many as the API gives at once."""
        asked = Question(limit=_MOST_ALERTS)
        given = msgspec.json.decode(self.service.alerts(asked, None, self.language).body)
        self.write("alerts", "alerts.html", {"alerts": given, "asked": asked})

    def teams(self) -> Iterator[Callable[[], None]]:
        """The firm's figures, and those of each team and region that is shown; none of a rep."""
        files = _team_files(team_context(self.service, Group(), self.language)["team"])
        for kind, name in files:
            yield partial(self._team, kind, name, files)

    def _team(self, kind: str, name: str | None, files: Mapping[tuple[str, str | None], str]) -> None:
        file = files[kind, name]
        up = "../" * file.count("/")
        context = team_context(self.service, group_of(kind, name), self.language)
        context["address"] = lambda *group: up + quote(files[group])
        self.write("team", file, context)

    def _site(self, file: str) -> Site:
        up = "../" * file.count("/")
        places = {
            "pipeline": _list(1),
            "week": "week.html",
            "alerts": "alerts.html",
            "forecast": "forecast.html",
            "team": "team.html",
            "models": "models.html",
        }
        others: dict[str, str] = {each: f"{up}../{each}/{quote(file)}" for each in LANGUAGES}
        return Site(
            shown=Shown(self.language, self.service.time_zone),
            deal=lambda deal: f"{up}deals/{quote(self.files[deal])}" if deal in self.files else "",
            asset=lambda name: f"{up}../static/{name}",
            navigation=tuple(Link(name, up + places[name]) for name in self.names),
            languages=others if len(self.languages) > 1 else None,
            live=False,
        )


def _team_files(team: Mapping[str, Any] | None) -> dict[tuple[str, str | None], str]:
    """The file of each group's figures by its kind and name: the firm's first."""
    found: dict[tuple[str, str | None], str] = {("all", None): "team.html"}
    for kind in ("team", "region") if team else ():
        listed = (team or {})[f"{kind}s"]
        files = _files([each["name"] for each in listed if each["shown"]])
        found |= {(kind, name): f"{kind}s/{file}" for name, file in files.items()}
    return found


def _list(number: int) -> str:
    return "index.html" if number == 1 else f"deals-{number}.html"


def _entrance(languages: Sequence[Language]) -> str:
    """The first page: to the report in the first language, and a link to each."""
    names = {"en": "The report in English", "zh-CN": "中文报告"}
    links = "".join(
        f'<li><a lang="{each}" href="{each}/index.html">{names[each]}</a></li>' for each in languages
    )
    return (
        f'<!doctype html><html lang="{languages[0]}"><head><meta charset="utf-8"><title>dealcast</title>'
        f'<meta http-equiv="refresh" content="0; url={languages[0]}/index.html"></head>'
        f"<body><main><h1>dealcast</h1><ul>{links}</ul></main></body></html>\n"
    )
