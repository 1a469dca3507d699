"""The pages as files that open without a network: the manager's report."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
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
from serving.pipeline import Sort, Wanted
from serving.problems import Problem
from serving.routes.pages import SHOWN_FIGURES, SORTS
from serving.service import Service
from serving.sheets import LANGUAGES, Press, Sheets, pressed, up_from
from serving.team import Group, group_of
from serving.wording import Language
from training.errors import BundleError

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
        DataError: the folder holds something else, or a process that writes pages was ended.
        BundleError: no model is served.
    """
    _check(out)
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        written = _written(service, part, wished, say)
        shutil.rmtree(out, ignore_errors=True)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _written(service: Service, part: Path, wished: Wished, say: Say) -> Written:
    """All files of a report, in a folder that is not its own yet."""
    shutil.rmtree(part, ignore_errors=True)
    with pressed() as press, ThreadPoolExecutor(1) as beside:
        forecasting = beside.submit(_forecast, service, wished.horizon)
        files = _files(_chosen(service, wished.deals))
        forecast, missing = forecasting.result()
        names = ["pipeline", "week", "alerts", *(["forecast"] if forecast else []), "team", "models"]
        if "win" in service.scorer.models:
            beside.submit(service.priorities, priorities.Question(), None, "en")  # to have it then
        else:
            names.remove("week")
            missing.append("no list for the week: there is no win model")
        for language in wished.languages:
            sheets = Sheets(part / language, language, wished.languages, files, names, service.time_zone)
            _lists(service, sheets, press)
            _alerts(service, sheets, press)
            if forecast is not None:
                press.write(sheets, "forecast", "forecast.html", forecast)
            _teams(service, sheets, press)
            press.write(sheets, "models", "models.html", {"models": {"models": service.models(language)}})
            _deals(service, sheets, press, say)
            if "week" in names:
                _week(service, sheets, press)
    for name in NAMES:
        target = part / "static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(asset(name).body)
    (part / "index.html").write_text(_entrance(wished.languages), encoding="utf-8")
    about = {"versions": dict(service.scorer.versions), "deals": list(files)}
    (part / MARK).write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    return Written(press.pages, len(files), missing)


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
        given = service.forecast(question_of("team_id", horizon), None)
    except (BundleError, DataError, Problem) as error:
        return None, [f"no forecast: {error}"]
    asked = {"period": "month", "horizon": horizon, "by": "team_id"}
    return {"forecast": msgspec.json.decode(given.body), "asked": asked, "figures": SHOWN_FIGURES}, []


def _deals(service: Service, sheets: Sheets, press: Press, say: Say) -> None:
    """The page of each chosen deal."""
    for place, (deal, file) in enumerate(sheets.files.items(), start=1):
        say(f"{sheets.language}: deal {place} of {len(sheets.files)}")
        context = deal_context(service, deal, _DAYS, sheets.language)
        press.write(sheets, "deal", f"deals/{file}", context | {"spans": [], "json": None})


def _lists(service: Service, sheets: Sheets, press: Press) -> None:
    """The pages of the open deals, one after the other."""
    summary = msgspec.json.decode(service.summary(Wanted(sort=_SORT), None).body)
    cursor: str | None = None
    for number in count(1):
        wanted = Wanted(sort=_SORT, limit=ROWS, cursor=cursor)
        page = msgspec.json.decode(service.pipeline(wanted, None, sheets.language).body)
        context = {
            "pipeline": page,
            "summary": summary,
            "asked": wanted,
            "sorts": SORTS,
            "sorted": _first,
            "following": _list(number + 1),
        }
        press.write(sheets, "pipeline", _list(number), context)
        cursor = page["next"]
        if cursor is None:
            return


def _week(service: Service, sheets: Sheets, press: Press) -> None:
    """What each rep could do next."""
    given = service.priorities(priorities.Question(), None, sheets.language)
    press.write(sheets, "week", "week.html", {"week": msgspec.json.decode(given.body)})


def _alerts(service: Service, sheets: Sheets, press: Press) -> None:
    """The alerts, at most as many as the API gives at once."""
    asked = Question(limit=_MOST_ALERTS)
    given = msgspec.json.decode(service.alerts(asked, None, sheets.language).body)
    press.write(sheets, "alerts", "alerts.html", {"alerts": given, "asked": asked})


def _teams(service: Service, sheets: Sheets, press: Press) -> None:
    """The firm's figures, and those of each team and region that is shown; none of a rep."""
    files = _team_files(team_context(service, Group(), sheets.language)["team"])
    for (kind, name), file in files.items():
        context = team_context(service, group_of(kind, name), sheets.language)
        context["address"] = partial(_address, up_from(file), files)
        press.write(sheets, "team", file, context)


def _address(up: str, files: Mapping[tuple[str, str | None], str], kind: str, name: str | None) -> str:
    return up + quote(files[kind, name])


def _first(*_: Any, **__: Any) -> str:
    """Where any order of the deals begins: a file has one order."""
    return _list(1)


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
