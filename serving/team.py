"""Patterns and team figures of a study as they are asked for: in one language, and of one group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.answers import encoded
from serving.kept import Given, tag_of
from serving.problems import Problem, unfit
from serving.study import study_in
from serving.wording import Language

_ABOUT = ("as_of", "window_days", "every_days", "currency", "least", "notice")
_TEXTS: Final = frozenset(("en", "zh-CN"))
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


def group_of(kind: str, name: str | None) -> Group:
    """The group of a kind and a name, as `chosen` gives them; the firm's for any other kind."""
    groups = {"team": Group(team_id=name), "rep": Group(rep_id=name), "region": Group(region=name)}
    return groups.get(kind, Group())


def patterns_in(bundles: Path, language: Language) -> Given:
    """Which behaviours go with winning, as the study beside the bundles found.

    Raises:
        Problem: 404 where there is no study, or it lacks the section; the detail says what to run.
        DataError: the file is damaged.
    """
    found, mark = _section(bundles, "patterns")
    return Given(encoded(spoken(found, language)), tag_of("patterns", mark, language))


def team_in(bundles: Path, group: Group, language: Language) -> Given:
    """The figures of a group, as the study beside the bundles found. Raises the same, and as `figures_of`."""
    found, mark = _section(bundles, "team")
    return Given(encoded(figures_of(found, group, language)), tag_of("team", mark, group, language))


def spoken(found: Any, language: Language) -> Any:
    """The same with each text in one language: what has exactly `en` and `zh-CN` becomes a text.

    >>> spoken({"note": {"en": "few deals", "zh-CN": "商机太少"}, "n": 3}, "zh-CN")
    {'note': '商机太少', 'n': 3}
    """
    if isinstance(found, Mapping):
        if found.keys() == _TEXTS:
            return found[language]
        return {name: spoken(value, language) for name, value in found.items()}
    return [spoken(each, language) for each in found] if isinstance(found, list) else found


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


def _section(bundles: Path, name: str) -> tuple[Mapping[str, Any], str]:
    study = study_in(bundles)
    found = study.section(name)
    if not found:
        lacking = (
            f"the study has no section {name!r}" if study.mark else "there is no study beside the models"
        )
        raise Problem(
            404, "no-study", "No study to read",
            f"{lacking}; make it with `dealcast study DATA --out BUNDLES/study.json`, which says what it"
            " leaves out and why",
        )  # fmt: skip
    return found, study.mark
