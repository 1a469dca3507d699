"""Versions, their aliases, and the ledger of moves: the store's second module beside `tracking.py`.

The ledger lies in the tracking store, so that machines which share the store share it: the experiment
`dealcast/ledger`, one run an entry. A run is made whole in one transaction, and nobody rewrites another's:
entries of people who promote at the same time both stay. The entry is also a parameter, which MLflow never
changes once it is there. It is written before the alias moves and closed after it, so that no move goes
unrecorded.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from features.errors import DataError
from training.bundle import Bundle, load_bundle
from training.errors import TrackingError
from training.labels import TARGETS
from training.moves import Move, State, champions, checked_why, in_order, read_move
from training.tracking import CHALLENGER, CHAMPION, Registered, Tracking, model_name, trained_as_of

PREVIOUS = "previous"
LEDGER = "dealcast/ledger"
_ENTRY, _TARGET = "dealcast.entry", "dealcast.target"
_STATES: Mapping[str, State] = {"FINISHED": "done", "FAILED": "failed", "KILLED": "failed"}
PAGE = 1000  # entries asked for at a time
_RUN_ID = "[0-9a-f]{32}"


@dataclass(frozen=True)
class Found:
    """A model that somebody named.

    Attributes:
        version: its number; None where the run was never registered.
    """

    target: str
    version: str | None
    run_id: str
    bundle: Bundle

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return f"version {self.version}" if self.version else f"run {self.run_id[:8]}"


class Registry:
    """Versions and aliases of a tracking store.

    Raises:
        TrackingError: from every method, where the store cannot be reached or lacks what is asked.
    """

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking

    def aliases(self, target: str) -> dict[str, str]:
        """The version of each alias of a target; empty where it has no version."""
        with self.tracking.client() as (_, client):
            return _aliases(client, target)

    def version_of(self, target: str, named: str) -> str:
        """The number of a version named by number, alias or cut-off."""
        with self.tracking.client() as (_, client):
            return _version(client, target, named, self.tracking.shown)

    def resolve(self, named: str, target: str | None = None) -> Found:
        """The model somebody names: `3`, `champion`, `win:3`, its cut-off `2024-06-30`, or an MLflow run id.

        Args:
            target: whose version a bare number or alias is; not needed where the store has one target.

        Raises:
            DataError: it is not said whose version is meant.
        """
        before, colon, after = named.partition(":")
        if colon and before in TARGETS:
            return self._of_version(before, after)
        if re.fullmatch(_RUN_ID, named):
            return self._of_run(named)
        return self._of_version(target or self._only_target(named), named)

    def find(self, target: str, inputs_sha256: str) -> str | None:
        """The newest version trained on just these inputs by just this code; None where there is none."""
        with self.tracking.client() as (_, client):
            versions = client.search_model_versions(f"name = '{model_name(target)}'")
            for version in sorted(versions, key=lambda v: -int(v.version)):
                params = client.get_run(version.run_id).data.params if version.run_id else {}
                if params.get("inputs_sha256") == inputs_sha256:
                    return str(version.version)
        return None

    def record_first(self, made: Registered, by: str, at: int) -> None:
        """Write into the ledger that a target's first version became champion."""
        with self.tracking.client() as (_, client):
            written = self._begin(
                client, Move(made.target, CHAMPION, None, made.version, "first", by, at, "first version")
            )
            client.set_terminated(written.id, "FINISHED")

    def promote(self, move: Move) -> Move:
        """Move `champion` from `move.before` to `move.after`; the former champion becomes `previous`.

        Raises:
            TrackingError: the champion is another one than `move.before` by now; nothing is moved.
        """
        with self.tracking.client() as (_, client):
            aliases = _aliases(client, move.target)
            _same(move.target, aliases.get(CHAMPION), move.before)
            moved = {PREVIOUS: move.before, CHAMPION: move.after}
            if aliases.get(CHALLENGER) == move.after:
                moved[CHALLENGER] = None
            return self._move(client, replace(move, why=checked_why(move.why)), moved)

    def rollback(self, target: str, by: str, at: int, why: str = "") -> Move:
        """Move `champion` back to `previous`; the version that leaves becomes challenger again.

        Raises:
            TrackingError: there is no previous champion.
        """
        with self.tracking.client() as (_, client):
            aliases = _aliases(client, target)
            now, back = aliases.get(CHAMPION), aliases.get(PREVIOUS)
            if now is None or back is None or now == back:
                raise TrackingError(
                    f"{model_name(target)} has no previous champion to go back to (champion:"
                    f" {_shown(now)}); `dealcast promote {target} VERSION` moves to a version by its number"
                )
            move = Move(target, CHAMPION, now, back, "rollback", by, at, checked_why(why))
            left = champions([*self._read(client, target), replace(move, state="done")])
            further = left[-2] if len(left) > 1 else None
            return self._move(client, move, {CHALLENGER: now, CHAMPION: back, PREVIOUS: further})

    def moves(self, target: str | None = None) -> tuple[Move, ...]:
        """The ledger of one target or of all, complete, in the order it was written."""
        with self.tracking.client() as (_, client):
            return self._read(client, target)

    def _move(self, client: Any, move: Move, aliases: Mapping[str, str | None]) -> Move:
        """Write the entry, set or take away the aliases, close the entry."""
        written = self._begin(client, move)
        name = model_name(move.target)
        try:
            for alias, version in aliases.items():
                if version is not None:
                    client.set_registered_model_alias(name, alias, version)
                elif alias in _aliases(client, move.target):
                    client.delete_registered_model_alias(name, alias)
        except Exception:
            client.set_terminated(written.id, "FAILED")
            raise
        client.set_terminated(written.id, "FINISHED")
        return replace(written, state="done")

    def _begin(self, client: Any, move: Move) -> Move:
        """Write an entry as the next of its target."""
        from mlflow.entities import Param

        last = max((m.sequence for m in self._read(client, move.target)), default=0)
        move = replace(move, sequence=last + 1)
        text = move.written()
        tags = {_ENTRY: text, _TARGET: move.target, "mlflow.user": move.by}
        title = f"{move.target} {move.alias} v{move.before or '-'} to v{move.after}"
        experiment = _ledger(client, create=True)
        run = client.create_run(experiment, start_time=move.at // 1000, tags=tags, run_name=title)
        client.log_batch(run.info.run_id, params=[Param("entry", text)])
        return replace(move, id=str(run.info.run_id))

    def _read(self, client: Any, target: str | None) -> tuple[Move, ...]:
        from mlflow.entities import ViewType

        experiment = _ledger(client, create=False)
        if experiment is None:
            return ()
        wanted = f"tags.`{_TARGET}` = '{target}'" if target else ""
        found, token = [], None
        while True:  # deleted runs too: an entry hidden in MLflow's pages is still one
            page = client.search_runs([experiment], wanted, ViewType.ALL, PAGE, page_token=token)
            found += [_read_run(run) for run in page]
            token = page.token
            if not token:
                return in_order(found)

    def _of_version(self, target: str, named: str) -> Found:
        bundle, version = self.tracking.load(target, named)
        with self.tracking.client() as (_, client):
            run_id = str(client.get_model_version(model_name(target), version).run_id)
        return Found(target, version, run_id, bundle)

    def _of_run(self, run_id: str) -> Found:
        with self.tracking.client() as (mlflow, client), tempfile.TemporaryDirectory() as scratch:
            client.get_run(run_id)
            versions: Sequence[Any] = client.search_model_versions(f"run_id = '{run_id}'")
            where = Path(
                mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{run_id}/model", dst_path=scratch)
            )
            bundle = load_bundle(where / "data" / "bundle")
        version = str(versions[0].version) if versions else None
        return Found(bundle.target, version, run_id, bundle)

    def _only_target(self, named: str) -> str:
        with self.tracking.client() as (_, client):
            models = client.search_registered_models(filter_string="name LIKE 'dealcast-%'")
        targets = sorted(str(model.name).removeprefix("dealcast-") for model in models)
        if len(targets) != 1:
            raise DataError(
                f"{named}: of which target? The store {self.tracking.shown} has"
                f" {', '.join(targets) or 'none'}; write win:{named}, or give --target"
            )
        return targets[0]


def _version(client: Any, target: str, named: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    aliases = _aliases(client, target)
    if named in aliases:
        return aliases[named]
    dated = trained_as_of(client, model_name(target), named, uri)
    if dated is not None:
        return dated
    if named.isdigit() and aliases:
        try:
            return str(client.get_model_version(model_name(target), named).version)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    has = ", ".join(f"{alias} v{number}" for alias, number in sorted(aliases.items())) or "no version"
    raise TrackingError(f"tracking store {uri} has no {named} of {model_name(target)} (it has {has})")


def _aliases(client: Any, target: str) -> dict[str, str]:
    found = client.search_registered_models(filter_string=f"name = '{model_name(target)}'")
    return {str(alias): str(number) for model in found for alias, number in model.aliases.items()}


def _same(target: str, now: str | None, expected: str | None) -> None:
    if now != expected:
        raise TrackingError(
            f"the champion of {model_name(target)} is {_shown(now)} by now and no longer {_shown(expected)};"
            " nothing was moved; compare with it and promote again"
        )


def _shown(version: str | None) -> str:
    return f"version {version}" if version else "none"


def _ledger(client: Any, *, create: bool) -> str | None:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(LEDGER)
    if found is not None:
        return str(found.experiment_id)
    if not create:
        return None
    try:
        return str(client.create_experiment(LEDGER))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # somebody else was first
            raise
        return str(client.get_experiment_by_name(LEDGER).experiment_id)


def _read_run(run: Any) -> Move:
    """An entry; its parameter counts, the tag only where writing broke off before it."""
    text = run.data.params.get("entry") or run.data.tags[_ENTRY]
    return read_move(text, _STATES.get(run.info.status, "begun"), str(run.info.run_id))
