"""Bundles on disk: what a server scores with, whether the tracking store is up or not.

A folder holds one folder for each delivered version (`win-3-1f0c9a2b`) and the pointer, `versions.json`,
which says which of them are served. A version's folder is complete before it has its name, and the pointer
is put in place by a rename: whoever reads it finds the old set of models or the new one, never half of one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serving.closes import CloseModel
from serving.scorer import Model
from training.bundle import TABLES_FILE, load_bundle
from training.close import CLOSE, load_close_bundle
from training.errors import BundleError
from training.forecast.record import Record, record_from
from training.labels import TARGETS, Target

POINTER = "versions.json"
RECORD = "forecast.json"  # what the latest backtest of forecasts showed
NUDGE = ".look"  # touched to have the tracking store looked at now
_KEPT = 3  # versions of a target that stay on the disk, so that a rollback has nothing to fetch
_UNFINISHED_SECONDS = 3600
SERVED = (*TARGETS, CLOSE)
_OURS = re.compile(rf"({'|'.join(SERVED)})(-.*)?")


@dataclass(frozen=True)
class Place:
    """A served version and the folder in which its bundle lies."""

    version: str
    folder: str


@dataclass(frozen=True)
class Pointer:
    """What is to be served, and which writing of the pointer said so (another one has another mark)."""

    places: Mapping[str, Place]
    mark: tuple[int, int]

    @property
    def versions(self) -> dict[str, str]:
        """The version of each target."""
        return {str(target): place.version for target, place in self.places.items()}


def mark_of(folder: Path) -> tuple[int, int] | None:
    """The mark of the pointer that lies there now; None where there is none."""
    try:
        found = (folder / POINTER).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def pointer_of(folder: Path) -> Pointer:
    """The pointer. Raises BundleError where there is none, or it is damaged."""
    try:
        with (folder / POINTER).open(encoding="utf-8") as file:
            found, said = os.fstat(file.fileno()), dict(json.load(file))
        places = {target: _place(target, said[target]) for target in SERVED if target in said}
    except (OSError, ValueError, TypeError, KeyError):
        raise BundleError(
            f"{folder}: no bundles here; fetch them with `dealcast pull {folder}`, or train first"
        ) from None
    return Pointer(places, (found.st_mtime_ns, found.st_ino))


def pointed(folder: Path) -> Mapping[str, Place]:
    """What the pointer says; nothing where there is none."""
    try:
        return pointer_of(folder).places
    except BundleError:
        return {}


def load_models(folder: Path) -> dict[Target, Model]:
    """The models in a folder that `dealcast pull` or `dealcast follow` has filled.

    Raises:
        BundleError: there is none, or one is damaged.
    """
    places = pointer_of(folder).places
    return {target: load(folder, places[target]) for target in TARGETS if target in places}


def load(folder: Path, place: Place) -> Model:
    """One model, tried on its golden rows. Raises BundleError where it is damaged."""
    return Model(load_bundle(folder / place.folder), place.version)


def load_close(folder: Path) -> CloseModel | None:
    """The model of when in such a folder; None where there is none.

    Raises:
        BundleError: it is damaged, or there are no bundles at all.
    """
    place = pointer_of(folder).places.get(CLOSE)
    return None if place is None else close_of(folder, place)


def close_of(folder: Path, place: Place) -> CloseModel:
    """The model of when of a place. Raises BundleError where it is damaged."""
    return CloseModel(load_close_bundle(folder / place.folder), place.version)


def record_of(folder: Path) -> Record | None:
    """What the latest backtest showed, as it was delivered; None where none was run or delivered.

    Raises:
        BundleError: the file is damaged.
    """
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return None if said is None else record_from(said)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError):
        raise BundleError(f"{folder / RECORD} is damaged; fetch it again with `dealcast pull`") from None


def keep_record(folder: Path, record: Record | None) -> None:
    """Put the latest backtest beside the bundles, whole or not at all, where it is another one."""
    text = json.dumps(None if record is None else record.to_dict())
    path = folder / RECORD
    if (path.read_text(encoding="utf-8") if path.is_file() else "null") == text:
        return
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".new-", delete=False, encoding="utf-8") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).chmod(0o644)
    Path(new.name).replace(path)


def _try(name: str, folder: Path) -> None:
    """Load the bundle of a target, or the one of when, and keep what was worked out for who loads it next.

    Raises BundleError where it does not load.
    """
    if name == CLOSE:
        load_close_bundle(folder)
        return
    trees = load_bundle(folder).booster
    if trees.prepared is None:
        with suppress(OSError):  # they work it out themselves
            trees.keep_tables(folder / TABLES_FILE)


class Delivery:
    """New bundles gathered beside the old ones, tried, then pointed to all at once.

    The old ones stay where they are, and served, until every new one has loaded.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        _clear_unfinished(folder, self._new)
        self._places: dict[str, Place] = {}
        self._fetched = False

    def place(self, target: str) -> Path:
        """Where a target's bundle is to be written."""
        return self._new / target

    def has(self, target: str, place: Place) -> bool:
        """Whether a version lies there already and loads; it is then to be served."""
        try:
            _try(target, self._folder / place.folder)
        except BundleError:
            return False
        self._places[target] = place
        return True

    def keep(self, target: str, place: Place) -> None:
        """Go on serving what is there."""
        self._places[target] = place

    def add(self, target: str, place: Place) -> None:
        """Take what was written for a target; raises BundleError if it does not load."""
        _try(target, self.place(target))
        here = self._folder / place.folder
        if here.exists():  # it did not load, else nothing would have been fetched
            here.rename(self._new / f"{target}.damaged")
        self.place(target).rename(here)
        self._fetched = True
        self._places[target] = place

    def finish(self) -> dict[str, str]:
        """Point to the new set, clear away what is long out of use; the versions by target."""
        for place in self._places.values():
            os.utime(self._folder / place.folder)
        if self._fetched or self._places != pointed(self._folder):
            self._point()
        self.discard()
        _clear(self._folder, {place.folder for place in self._places.values()})
        return {target: place.version for target, place in self._places.items()}

    def _point(self) -> None:
        said = {target: {"version": p.version, "folder": p.folder} for target, p in self._places.items()}
        file = self._new / POINTER
        with file.open("w", encoding="utf-8") as open_file:
            json.dump(said, open_file)
            open_file.flush()
            os.fsync(open_file.fileno())
        file.replace(self._folder / POINTER)

    def discard(self) -> None:
        """Forget what was not pointed to."""
        shutil.rmtree(self._new, ignore_errors=True)


def _place(target: str, said: object) -> Place:
    """An entry of the pointer; a bare version is one of an older dealcast, its folder the target's name."""
    if isinstance(said, dict):
        return Place(str(said["version"]), Path(str(said["folder"])).name)
    return Place(str(said), target)


def _clear_unfinished(folder: Path, latest: Path) -> None:
    """Remove what deliveries that were killed long ago have left."""
    at = latest.stat().st_mtime
    for path in folder.glob(".new-*"):
        if at - path.stat().st_mtime > _UNFINISHED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _clear(folder: Path, served: set[str]) -> None:
    """Remove versions beyond the last few of each target, by when they were last pointed to."""
    of_target: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        match = _OURS.fullmatch(path.name)
        if match and path.is_dir() and path.name not in served:
            of_target.setdefault(match[1], []).append(path)
    for found in of_target.values():
        found.sort(key=lambda path: -path.stat().st_mtime_ns)
        for path in found[_KEPT - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
