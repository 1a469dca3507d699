"""A trained model in a folder of its own, with everything a tracking store is told about it.

What is logged is read from here and nowhere else, so that a store that goes away loses nothing:

    run.json      target, parameters, metrics, data set, the machine's load meanwhile
    bundle/       the bundle
    artifacts/    manifest, reliability, importance, environment, model card, plots, quality report

The folder appears whole, but for the plots, or not at all. Of a model of when there are `run.json` with its
figures and the bundle.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.bundle import Bundle, load_bundle
from training.card import model_card, summary
from training.close import CLOSE, CloseBundle, load_close_bundle
from training.errors import BundleError
from training.importance import Weight, importance
from training.run import Trained

if TYPE_CHECKING:
    from training.hazard import TrainedClose

FORMAT = 1
RUN, BUNDLE, ARTIFACTS = "run.json", "bundle", "artifacts"
IMPORTANCE, CARD = "feature_importance.json", "model_card.md"
NO_PLOTS = "no plots were drawn: {} is not installed here; `pip install 'dealcast[explain]'` brings it"


@dataclass(frozen=True)
class Reading:
    """One figure of the machine's load: name, value, microseconds since 1970, and which reading it was."""

    name: str
    value: float
    at: int
    step: int


@dataclass(frozen=True)
class Unsent:
    """A trained model as a store will be told of it.

    Attributes:
        folder: where it lies.
        bundle: the model itself.
        cutoff: ISO 8601, what was known when.
        summary: two sentences for the version.
        params, metrics: of the run.
        rows: of each table of the data set.
        data_name: of the data set, for people; data_sha256: its digest.
        load: the machine's while it was trained.
    """

    folder: Path
    bundle: Bundle
    cutoff: str
    summary: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    rows: Mapping[str, int]
    data_name: str
    data_sha256: str
    load: tuple[Reading, ...]

    @property
    def artifacts(self) -> Path:
        """The folder of the run's artifacts."""
        return self.folder / ARTIFACTS


@dataclass(frozen=True)
class UnsentClose:
    """A model of when as a store will be told of it."""

    bundle: CloseBundle
    metrics: Mapping[str, float]


def folder_name(trained: Trained | TrainedClose) -> str:
    """A name for a trained model's folder, the same for the same model and data."""
    manifest = trained.bundle.manifest
    day = str(manifest["cutoff"])[:10]
    text = trained.bundle.booster.model_to_string() + manifest["data_sha256"]
    target = trained.bundle.target if isinstance(trained.bundle, Bundle) else CLOSE
    return f"{target}-{day}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def save_close(trained: TrainedClose, folder: Path) -> None:
    """Write a model of when into a folder, replacing what was there."""
    part = _part(folder)
    trained.bundle.save(part / BUNDLE)
    _write(part / RUN, {"format": FORMAT, "target": CLOSE, "metrics": dict(trained.metrics)})
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def save_training(
    trained: Trained, folder: Path, *, quality: Path | None = None, data_name: str = "crm",
    load: Sequence[Reading] = (),
) -> list[str]:  # fmt: skip
    """Write a trained model into a folder, replacing what was there; what could not be, a line each.

    Args:
        quality: a folder with the report on the data's quality.
        data_name: what people call the data set.
        load: of the machine while it was trained.
    """
    part = _part(folder)
    artifacts = part / ARTIFACTS
    artifacts.mkdir(parents=True)
    trained.bundle.save(part / BUNDLE)
    weights = importance(trained.bundle)
    _write(part / RUN, _described(trained, data_name, load))
    _write(artifacts / "manifest.json", dict(trained.bundle.manifest))
    _write(artifacts / "reliability.json", {"bins": [row.to_dict() for row in trained.bundle.reliability]})
    _write(artifacts / IMPORTANCE, _table(weights))
    (artifacts / CARD).write_text(model_card(trained, weights, data_name), encoding="utf-8")
    (artifacts / "environment.txt").write_text(environment(), encoding="utf-8")
    if quality is not None:
        shutil.copytree(quality, artifacts / "quality")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return _plots(trained, folder / ARTIFACTS / "plots")  # last: a plot that fails must lose no model


def _part(folder: Path) -> Path:
    """Where a folder is written until it is whole."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    return part


def load_training(folder: Path) -> Unsent | UnsentClose:
    """A trained model from its folder, its golden rows tried.

    Raises:
        BundleError: the folder holds none, a damaged one, or one of another format.
    """
    try:
        described = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder}: no trained model lies here ({RUN} is missing)") from None
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder}: {RUN} is not readable ({error}); train again") from error
    if not isinstance(described, dict) or described.pop("format", None) != FORMAT:
        raise BundleError(f"{folder}: {RUN} is not of format {FORMAT}; train again")
    if described.get("target") == CLOSE:
        if not isinstance(described.get("metrics"), dict):
            raise BundleError(f"{folder}: {RUN} is damaged (no metrics); train again")
        return UnsentClose(load_close_bundle(folder / BUNDLE), described["metrics"])
    if not (folder / ARTIFACTS).is_dir():
        raise BundleError(f"{folder}: {ARTIFACTS} is missing; train again")
    bundle = load_bundle(folder / BUNDLE)
    try:
        readings = tuple(Reading(**each) for each in described.pop("load"))
        return Unsent(folder=folder, bundle=bundle, load=readings, **described)
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder}: {RUN} is damaged ({error}); train again") from error


@cache
def environment() -> str:
    """The installed distributions with their versions, in the form of a requirements file."""
    read = (each.metadata for each in distributions())
    found = {(each["Name"] or "").lower(): each["Version"] for each in read}
    return "".join(f"{name}=={number}\n" for name, number in sorted(found.items()) if name)


def _described(trained: Trained, data_name: str, load: Sequence[Reading]) -> dict[str, Any]:
    manifest = trained.bundle.manifest
    return {
        "format": FORMAT,
        "cutoff": manifest["cutoff"],
        "summary": summary(trained),
        "params": {name: str(value) for name, value in trained.params().items()},
        "metrics": dict(trained.evaluation.metrics),
        "rows": dict(manifest["rows"]),
        "data_name": data_name,
        "data_sha256": manifest["data_sha256"],
        "load": [asdict(reading) for reading in load],
    }


def _table(weights: Sequence[Weight]) -> dict[str, Any]:
    """Columns and rows, as the store's tables have them."""
    names = ("feature", "behaviour", "gain_share", "splits")
    return {"columns": list(names), "data": [[getattr(w, name) for name in names] for w in weights]}


def _plots(trained: Trained, folder: Path) -> list[str]:
    """Write the plots, drawn by now or here."""
    plots = trained.plots
    if plots is None:
        try:
            from training.plots import draw

            plots = draw(trained.evaluation, trained.explained, trained.bundle.encoding)
        except ModuleNotFoundError as error:
            if error.name not in {"shap", "matplotlib"}:
                raise
            return [NO_PLOTS.format(error.name)]
    folder.mkdir(parents=True)
    for name, png in plots.items():
        (folder / name).write_bytes(png)
    return []


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
