"""A bundle: everything needed to score and to explain, in files that cannot run code.

A folder of `model.txt` (LightGBM's own text), `reference.npz` (the dated reference: arrays and
texts), `bundle.json` (everything else), `golden.json` (rows with their probabilities, tried on
every load) and `profile.json` (what it was trained on, to see drift). No pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from features.build import features_of
from features.catalog import Feature
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.reference import FILE, Reference, load_reference
from features.times import FloatArray
from training import prepared
from training.calibration import Platt
from training.encoding import Encoding
from training.errors import BundleError
from training.explain import Centre, Ledger, ledger
from training.gate import Rung
from training.interval import VennAbers, venn_abers_from
from training.labels import ENTITY, LabelPolicy, Target
from training.metrics import Bin
from training.profile import Profile, profile_from_json
from training.stability import Stability, stability_from
from training.trees import Trees, contributions, contributions_ahead, margins, ready_to_explain

FORMAT = 3
GOLDEN_ROWS = 8
PROFILE_FILE = "profile.json"
TABLES_FILE = prepared.FILE  # beside the others where a delivery kept it; no part of the bundle
_GOLDEN_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Bundle:
    """A finished model of one target.

    Attributes:
        target: what it predicts.
        booster: the trees.
        encoding: the ordered columns and the categories' codes.
        platt: from margin to probability.
        centre: the base rate and the typical entity.
        conventions: how histories must be read for it.
        policy: of the labels it was trained on.
        tiers: probabilities from which on a score is "medium" and "high".
        typical: per numeric feature the median among the entities for which things went well.
        reference: the dated statistics that its features read.
        reliability: what came true of what was said, on a forward test.
        manifest: where it comes from: rows, dates, versions, metrics.
        golden: some encoded rows (rows x features).
        profile: what its snapshots were like; None in a bundle that was made before there were any.
        venn_abers: how far its probabilities can be trusted; None in a bundle that was made before, and in
            the forward test's twin, which knows nothing of the part that tells.
        stability: how far refits agree with its reasons; None in the same.
    """

    target: Target
    booster: Trees
    encoding: Encoding
    platt: Platt
    centre: Centre
    conventions: Conventions
    reference: Reference
    policy: LabelPolicy
    tiers: tuple[float, float]
    typical: Mapping[str, float]
    reliability: tuple[Bin, ...]
    manifest: Mapping[str, Any]
    golden: FloatArray
    profile: Profile | None = None
    venn_abers: VennAbers | None = None
    stability: Stability | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """The declarations of its columns, in order."""
        known = features_of(ENTITY[self.target], self.conventions)
        if len(known) == len(self.encoding.names):
            return known
        mine = set(self.encoding.names)
        return tuple(feature for feature in known if feature.name in mine)

    @property
    def rung(self) -> Rung:
        """What its probabilities are: the model's own, the rates of the stages, or the base rate."""
        rung: Rung = self.manifest.get("gate", {}).get("rung", "model")
        return rung

    def probability(self, frame: FeatureFrame) -> FloatArray:
        """The calibrated probability of each row, float64 in (0, 1).

        Raises:
            FrameMismatch: the frame's columns are not those the model was trained on.
        """
        return self._probability(self.encoding.matrix(frame))

    def probability_of_rows(self, matrix: FloatArray) -> FloatArray:
        """The same of encoded rows (rows x features), as `Encoding.matrix` makes them."""
        return self._probability(matrix)

    def explained(
        self, frame: FeatureFrame, begun: Callable[[], FloatArray] | None = None
    ) -> tuple[FloatArray, Ledger]:
        """The same probabilities, to the bit, and why; `begun`: what `explained_ahead` gave."""
        matrix = self.encoding.matrix(frame)
        margin = margins(self.booster, matrix)
        shown = self.platt.probability(margin)
        said = contributions(self.booster, matrix) if begun is None else begun()
        return shown, ledger(self.features, said, margin, self.platt, self.centre, shown)

    def explained_ahead(self, frame: FeatureFrame) -> Callable[[], FloatArray]:
        """Begin with what takes `explained` longest, beside what is done until it is called."""
        return contributions_ahead(self.booster, self.encoding.matrix(frame))

    def interval(self, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Low and high of each shown probability, between which it lies; NaN where there is none."""
        if self.venn_abers is None:
            nothing = np.full(len(probability), np.nan)
            return nothing, nothing
        return self.venn_abers.interval(probability)

    def tier(self, probability: float) -> str:
        """ "low", "medium" or "high" among the deals it was calibrated on."""
        medium, high = self.tiers
        return "high" if probability >= high else "medium" if probability >= medium else "low"

    def _probability(self, matrix: FloatArray) -> FloatArray:
        return self.platt.probability(margins(self.booster, matrix))

    def save(self, folder: Path) -> None:
        """Write the bundle's files into a folder, which is made.

        Raises:
            TreesError: on the golden rows the trees do not give LightGBM's margins.
        """
        self.booster.try_on(self.golden)
        folder.mkdir(parents=True, exist_ok=True)
        text = self.booster.model_to_string()
        profile = None if self.profile is None else self.profile.to_json()
        (folder / "model.txt").write_text(text, encoding="utf-8")
        described = {
            "format": FORMAT,
            "target": self.target,
            "model_sha256": _digest(text),
            "feature_hash": self.encoding.hash,
            "reference_hash": self.reference.hash,
            "profile_sha256": None if profile is None else _digest(profile),
            "encoding": asdict(self.encoding),
            "platt": asdict(self.platt),
            "centre": asdict(self.centre),
            "conventions": asdict(self.conventions),
            "policy": asdict(self.policy),
            "tiers": self.tiers,
            "typical": dict(self.typical),
            "reliability": [row.to_dict() for row in self.reliability],
            "manifest": dict(self.manifest),
            "venn_abers": None if self.venn_abers is None else self.venn_abers.to_dict(),
            "stability": None if self.stability is None else self.stability.to_dict(),
        }
        _write(folder / "bundle.json", described)
        self.reference.save(folder)
        if profile is not None:
            (folder / PROFILE_FILE).write_text(profile, encoding="utf-8")
        golden = [[None if np.isnan(v) else v for v in row] for row in self.golden.tolist()]
        _write(
            folder / "golden.json", {"rows": golden, "probability": self._probability(self.golden).tolist()}
        )


def load_bundle(folder: Path) -> Bundle:
    """A bundle from its folder, its golden rows tried, its tables for reasons made.

    Raises:
        BundleError: a file is missing, damaged or of another format, or the golden rows do not
            get the probabilities they had when the bundle was made.
    """
    described, golden, text = _read(folder)
    if described.get("format") != FORMAT:
        raise BundleError(
            f"{folder}: format {described.get('format')}, this version reads {FORMAT}; train again"
        )
    if _digest(text) != described.get("model_sha256"):
        raise BundleError(f"{folder}: model.txt is not the one the bundle was made with; fetch it again")
    reference, profile = _reference(folder, described), _profile(folder, described)
    try:
        trees = Trees(text, folder / TABLES_FILE)
        bundle = replace(_assemble(described, golden, trees, reference), profile=profile)
        expected = np.array(golden["probability"], np.float64).reshape(len(bundle.golden))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{folder}: bundle.json or golden.json is damaged ({type(error).__name__}); fetch them again"
        ) from error
    _try_golden(bundle, expected, folder)
    ready_to_explain(bundle.booster, bundle.golden)
    return bundle


def _reference(folder: Path, described: dict[str, Any]) -> Reference:
    try:
        reference = load_reference(folder)
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: {FILE} is missing; fetch the bundle again") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: the reference is not readable; fetch the bundle again") from error
    if reference.hash != described.get("reference_hash"):
        raise BundleError(f"{folder}: the reference is not the one the bundle was made with; fetch it again")
    return reference


def _profile(folder: Path, described: dict[str, Any]) -> Profile | None:
    """The profile that the bundle was made with; None where it was made without."""
    wanted = described.get("profile_sha256")
    if wanted is None:
        return None
    try:
        text = (folder / PROFILE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"{folder}: {PROFILE_FILE} is missing; fetch the bundle again") from None
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder}: not readable ({error}); fetch the bundle again") from error
    if _digest(text) != wanted:
        raise BundleError(f"{folder}: {PROFILE_FILE} is not the one it was made with; fetch it again")
    try:
        return profile_from_json(text)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(
            f"{folder}: {PROFILE_FILE} is damaged ({type(error).__name__}); fetch it again"
        ) from error


def _assemble(
    described: dict[str, Any], golden: dict[str, Any], trees: Trees, reference: Reference
) -> Bundle:
    encoding, conventions = described["encoding"], described["conventions"]
    intervals, stability = described.get("venn_abers"), described.get("stability")  # older ones have none
    rows = np.array(golden["rows"], np.float64)  # None becomes NaN
    return Bundle(
        target=described["target"],
        booster=trees,
        encoding=Encoding(
            tuple(encoding["names"]),
            tuple(encoding["units"]),
            {name: tuple(texts) for name, texts in encoding["vocabularies"].items()},
        ),
        platt=Platt(**described["platt"]),
        centre=Centre(**described["centre"]),
        conventions=Conventions(
            **{name: tuple(v) if isinstance(v, list) else v for name, v in dict(conventions).items()}  # type: ignore[arg-type]
        ),
        reference=reference,
        policy=LabelPolicy(**described["policy"]),
        tiers=(described["tiers"][0], described["tiers"][1]),
        typical=described["typical"],
        reliability=tuple(Bin(**row) for row in described["reliability"]),
        manifest=described["manifest"],
        golden=rows.reshape(len(golden["rows"]), len(encoding["names"])),
        venn_abers=None if intervals is None else venn_abers_from(intervals),
        stability=None if stability is None else stability_from(stability),
    )


def _try_golden(bundle: Bundle, expected: FloatArray, folder: Path) -> None:
    got = bundle._probability(bundle.golden)
    if not np.allclose(got, expected, rtol=0, atol=_GOLDEN_TOLERANCE):
        worst = float(np.abs(got - expected).max())
        raise BundleError(f"{folder}: the golden rows are off by {worst:.2g}; this machine cannot serve it")


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    try:
        described = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
        text = (folder / "model.txt").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BundleError(
            f"{folder}: {Path(str(error.filename)).name} is missing; fetch the bundle again"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder}: not readable ({error}); fetch the bundle again") from error
    if not isinstance(described, dict) or not isinstance(golden, dict):
        raise BundleError(f"{folder}: bundle.json or golden.json is damaged; fetch them again")
    return described, golden, text


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
