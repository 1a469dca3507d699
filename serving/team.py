"""Team figures of a study as they are asked for: of the firm, a team, a region, or a rep's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.problems import Problem, unfit
from serving.studied import spoken
from serving.wording import Language

_ABOUT = ("as_of", "window_days", "every_days", "currency", "least", "notice")
_LISTS: Mapping[str, str] = {"team": "teams", "region": "regions", "rep": "reps"}


@dataclass(frozen=True)
class Group:
    """Whose figures are asked for; at most one is given, and none means the firm's."""

    team_id: str | None = None
    rep_id: str | None = None
    region: str | None = None

    def chosen(self) -> tuple[str, str | None]:
        """Its kind and name. Raises Problem (422) where more than one is given."""
        given = [
            (kind, name)
            for kind, name in (("team", self.team_id), ("rep", self.rep_id), ("region", self.region))
            if name is not None
        ]
        if len(given) > 1:
            raise unfit("team_id", "only one of team_id, rep_id and region can be asked for")
        return given[0] if given else ("all", None)


def figures_of(found: Mapping[str, Any], group: Group, language: Language) -> dict[str, Any]:
    """The figures of one group out of a study's section `team`; JSON-ready.

    A rep's own stand beside the team's, or the firm's; which other reps there are is told to nobody.

    Raises:
        Problem: 404 where there is no such group; 422 where more than one is asked for.
    """
    kind, name = group.chosen()
    beside: Mapping[str, Any] | None = None
    compared: dict[str, Any] | None = None
    if kind == "all":
        its = found["all"]
    else:
        groups = found[_LISTS[kind]]
        if name not in groups:
            raise Problem(404, "unknown-group", "No such group", f"the study knows no {kind} of this name")
        its = groups[name]
    if kind == "rep":
        compared = {"kind": its["compared_with"], "name": None}
        if its["compared_with"] == "team":
            compared["name"] = its["team_id"]
        beside = {"team": found["teams"].get(its["team_id"]), "all": found["all"]}.get(its["compared_with"])
        its = its["own"]
    said: dict[str, Any] = spoken(
        {
            **{each: found[each] for each in _ABOUT},
            "group": {"kind": kind, "name": name},
            "suppressed": its["suppressed"],
            "figures": None if its["suppressed"] is not None else its,
            "compared_with": compared if beside is not None else None,
            "beside": beside,
            **{key: _listed(found[key]) for key in ("teams", "regions")},
        },
        language,
    )
    return said


def _listed(groups: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "shown": its["suppressed"] is None} for name, its in groups.items()]
