"""What stands on the pages that are served and written to files alike: the API's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from features.times import DAY, iso, parse_instant
from serving.kept import Given
from serving.problems import Problem
from serving.service import Service
from serving.team import Group, patterns_in, team_in
from serving.wording import Language


def deal_context(service: Service, opportunity_id: str, days: int, language: Language) -> dict[str, Any]:
    """What stands on a deal's page: the API's answers, all as of the score's moment."""
    score = _decoded(service.score_stored(opportunity_id, None, True, language).body)
    as_of = score["as_of"]
    since = iso(parse_instant(as_of) - days * DAY)
    changes = service.changes(opportunity_id, (since, as_of), None, language)
    asked = msgspec.json.encode({"as_of": as_of})
    history = None if service.scores is None else service.scores.history(opportunity_id, 200, None)
    return {
        "deal": score,
        "changes": changes,
        "days": days,
        "next": _decoded(service.what_if(opportunity_id, asked, language)),
        "history": None if history is None else history["scores"],
    }


def team_context(service: Service, group: Group, language: Language) -> dict[str, Any]:
    """What stands on the team's page: the API's answers, None where the study lacks them.

    A team or region stands beside the firm, a rep beside what the API compares a rep with.

    Raises:
        Problem: there is no such group.
    """
    bundles = service.settings.bundles
    its = _studied(lambda: team_in(bundles, group, language))
    beside = None
    if its and its["figures"] and its["group"]["kind"] in ("team", "region"):
        firm = _studied(lambda: team_in(bundles, Group(), language))
        beside = {"group": firm["group"], "figures": firm["figures"]}
    elif its and its["beside"]:
        beside = {"group": its["compared_with"], "figures": its["beside"]}
    return {
        "patterns": _studied(lambda: patterns_in(bundles, language)),
        "team": its,
        "beside": beside,
    }


def _studied(ask: Callable[[], Given]) -> Any:
    """What the study says; None where there is none, or not of this."""
    try:
        return _decoded(ask().body)
    except Problem as problem:
        if problem.name != "no-study":
            raise
        return None


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)
