"""`compare`, `promote`, `rollback`, `ledger`: which version is served, and who decided it."""

from __future__ import annotations

import getpass
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import DataError
from features.times import iso
from serving.clock import now
from serving.commands.common import AsOf, Data, TrackingUri, err, instant, open_data, out

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from training.compare import Comparison
    from training.moves import Move
    from training.promotion import Refusal
    from training.registry import Registry

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="3, champion, challenger, 2024-06-30 (its cut-off), win:3, or an MLflow run id."
    ),
]


class RegisteredName(StrEnum):
    """Whose champion is moved."""

    WIN = "win"
    STALL = "stall"
    CHURN = "churn"
    CLOSE = "close"


TargetName = Annotated[RegisteredName, typer.Argument(metavar="TARGET", help="win, stall, churn or close.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept in the ledger.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who decides; default: the user of this machine."),
]


class Refused(DataError):
    """A challenger does not hold the rules, and nobody forced it in."""


def compare(
    data: Data,
    first: Run,
    second: Run,
    target: Annotated[RegisteredName | None, typer.Option(help="Whose versions the RUNs are.")] = None,
    as_of: AsOf = None,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=".json")] = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Judge two versions on the same later data, which neither was trained on.

    The rows are the snapshots after the later of both versions' cut-offs, with labels as known at the
    end of DATA (or at T). A difference comes with its 90% interval over draws of deals or accounts. Two
    versions of `close` (with --target close) are judged by the win within 13 weeks that each would show.

    Example: dealcast compare data/ win:champion win:challenger --out comparison.json
    """
    if to is not None and to.suffix != ".json":
        raise typer.BadParameter(f"--out {to}: write it as a .json file")
    registry = _registry(tracking_uri)
    comparison = _against(registry, None if target is None else target.value, (first, second), data, as_of)
    _print(comparison)
    if to is not None:
        to.write_text(_json(comparison), encoding="utf-8")
        out.print(f"{to}: all figures and slices")


def promote(
    target: TargetName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A number, challenger, or its cut-off.")],
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help="Later data to judge both on.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Past the rules; needs --why.")] = False,
    why: Why = "",
    by: By = None,
    as_of: AsOf = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make a version the champion, if it holds the rules against the present one on DATA.

    The rules: log loss not worse in 90% of the draws, calibration error worse by 0.01 at the most, no
    slice worse by more than 0.02 even at the better end of its interval. The former champion becomes
    `previous`. Every move is in the ledger. Exit 1: refused. `close` is judged by the win within 13 weeks.

    Example: dealcast promote win challenger --data data/
    """
    if force and not why.strip():
        raise typer.BadParameter("--force needs --why TEXT, which is kept in the ledger")
    if data is None and not force:
        raise typer.BadParameter("give --data DATA to judge both versions on, or --force --why TEXT")
    from training.moves import Move
    from training.promotion import figures_of, refusals
    from training.tracking import CHAMPION

    registry = _registry(tracking_uri)
    number = registry.version_of(target.value, version)
    champion = registry.aliases(target.value).get(CHAMPION)
    if champion == number:
        out.print(f"dealcast-{target.value} v{number} is champion already; nothing is moved")
        return
    figures: dict[str, float] = {}
    broken: tuple[Refusal, ...] = ()
    if data is not None and champion is not None:
        comparison = _against(registry, target.value, (champion, number), data, as_of)
        _print(comparison)
        figures, broken = figures_of(comparison), refusals(comparison)
    for refusal in broken:
        out.print(f"refused by a rule: {refusal.text}")
    if not force:
        _admit(target.value, number, champion, broken)
    move = Move(
        target.value, CHAMPION, champion, number, "forced" if force else "gate", by or whoami(), now(),
        why, figures,
    )  # fmt: skip
    out.print(line(registry.promote(move)))


def rollback(
    target: TargetName,
    why: Why = "",
    by: By = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Give the previous champion its place back.

    The version that leaves becomes challenger again; a second rollback goes one champion further back.

    Example: dealcast rollback win --why "percents too high since Monday"
    """
    out.print(line(_registry(tracking_uri).rollback(target.value, by or whoami(), now(), why)))


def ledger(
    target: Annotated[
        RegisteredName | None,
        typer.Argument(metavar="[TARGET]", help="win, stall, churn or close; default: all."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one entry a line.")] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Print who moved which champion, when, how and why.

    Example: dealcast ledger win
    """
    registry = _registry(tracking_uri)
    moves = registry.moves(None if target is None else target.value)
    if not moves and not as_json:
        out.print(f"{registry.tracking.uri}: the ledger has no entry")
    for move in moves:
        if as_json:
            out.print(json.dumps({**move.to_dict(), "at": iso(move.at)}, ensure_ascii=False))
        else:
            out.print(f"{iso(move.at)[:19]}Z {move.by}: {line(move)}")
    _say_strangers(registry, moves)


def whoami() -> str:
    """The user of this machine; its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def line(move: Move) -> str:
    """A move in a line."""
    moved = f"v{move.before} to v{move.after}" if move.before else f"v{move.after}"
    told = {"first": "first version", "gate": "by the rules", "forced": "forced", "rollback": "rolled back"}
    loss = ""
    if "log_loss_second" in move.figures:
        loss = (
            f", log loss {move.figures['log_loss_second']:.4f} against {move.figures['log_loss_first']:.4f}"
        )
    why = f": {move.why}" if move.why and move.how != "first" else ""
    state = {"done": "", "begun": " [not finished]", "failed": " [failed: nothing to rely on]"}[move.state]
    return f"dealcast-{move.target} {move.alias} {moved} ({told[move.how]}{loss}){why}{state}"


def _registry(tracking_uri: str | None) -> Registry:
    from training.registry import Registry
    from training.tracking import Tracking

    return Registry(Tracking(tracking_uri))


def _against(
    registry: Registry, target: str | None, versions: tuple[str, str], data: str, as_of: str | None
) -> Comparison:
    """Two versions on the same data."""
    from training.compare import Contender, compare

    if target == RegisteredName.CLOSE.value:
        return _against_close(registry, versions, data, as_of)
    tables, _ = open_data(data)
    with err.status("loading models"):
        found = [registry.resolve(_dated(version, tables), target) for version in versions]
    with err.status("comparing"):
        one, two = (Contender(each.name, each.bundle) for each in found)
        return compare(tables, one, two, instant(as_of, tables))


def _against_close(registry: Registry, versions: tuple[str, str], data: str, as_of: str | None) -> Comparison:
    """Two models of when, under the probabilities of the champion of win."""
    from training.close import CLOSE
    from training.compare_close import CloseContender, compare_close

    contenders = []
    tables, _ = open_data(data)
    with err.status("loading models"):
        win, _ = registry.tracking.load("win")
        for named in versions:
            number = registry.version_of(CLOSE, _dated(named, tables))
            loaded = registry.tracking.load_close(number)
            if loaded is not None:
                contenders.append(CloseContender(f"version {number}", loaded[0]))
    with err.status("comparing"):
        one, two = contenders
        return compare_close(tables, one, two, win, instant(as_of, tables))


def _dated(named: str, tables: CanonicalData) -> str:
    """The name of a version; a cut-off is read in the data's time zone, as `--as-of` of a training is."""
    from training.tracking import is_cutoff

    target, colon, day = named.partition(":")
    if colon and target in list(RegisteredName):
        return f"{target}:{_dated(day, tables)}"
    return iso(instant(named, tables)) if is_cutoff(named) else named


def _admit(target: str, number: str, champion: str | None, broken: tuple[Refusal, ...]) -> None:
    if champion is None:
        raise Refused(f"dealcast-{target} has no champion to compare v{number} with; use --force --why TEXT")
    if broken:
        raise Refused(
            f"dealcast-{target} v{number} is not promoted, v{champion} stays champion:"
            f" {'; '.join(refusal.text for refusal in broken)}"
        )


def _print(comparison: Comparison) -> None:
    from training.compare_words import judged_on, render, verdict

    out.print(judged_on(comparison))
    out.print(render(comparison))
    out.print(verdict(comparison))


def _json(comparison: Comparison) -> str:
    from training.compare_words import verdict
    from training.promotion import refusals

    told = {
        **comparison.to_dict(),
        "verdict": verdict(comparison),
        "verdict_zh": verdict(comparison, "zh-CN"),
        "refusals": [refusal.to_dict() for refusal in refusals(comparison)],
    }
    return json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)


def _say_strangers(registry: Registry, moves: tuple[Move, ...]) -> None:
    """Say where a champion is not the one the ledger knows: somebody moved the alias by other means."""
    from training.moves import champions
    from training.tracking import CHAMPION

    for target in dict.fromkeys(move.target for move in moves):
        known = champions(move for move in moves if move.target == target)[-1:]
        is_now = registry.aliases(target).get(CHAMPION)
        if known != [is_now]:
            err.print(
                f"dealcast-{target}: champion is v{is_now}, and the ledger says"
                f" v{known[0] if known else '-'}: it was moved by other means than dealcast"
            )
