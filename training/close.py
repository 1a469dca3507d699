"""The close bundle: when an open deal is won if it is, in files that cannot run code.

A folder as of a bundle: `model.txt` (LightGBM's text, classes open, won, lost), `bundle.json`, the
reference, and `golden.json`, tried on every load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.conventions import Conventions
from features.frame import FeatureFrame
from features.reference import Reference, load_reference
from features.times import FloatArray, IntArray
from training.encoding import Encoding
from training.errors import BundleError
from training.labels import LabelPolicy
from training.timing import WEEKS, Timing, close_dates_of, timing_of
from training.timing_kernel import hazards
from training.trees import Trees

CLOSE: Final = "close"
OPEN, WON, LOST = range(3)
FORMAT: Final = 1
_AT_ONCE = 512  # deals whose buckets are predicted together: their rows fit a cache
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class CloseBundle:
    """A finished model of when.

    Attributes:
        booster: trees of three classes; the last column they see is the bucket's place in `WEEKS`.
        encoding: the ordered features and the categories' codes.
        offsets: buckets x 3, log rates of the classes in each bucket, to which the trees add.
        shifts: per bucket, the calibration on later data; see `training.timing.timing_of`.
        shock: standard deviation of the log odds shift that open deals share, learnt on later data.
        conventions, reference, policy: as of a bundle.
        manifest: where it comes from, figures among it.
        golden: some encoded rows (rows x features).
    """

    booster: Trees
    encoding: Encoding
    offsets: FloatArray
    shifts: FloatArray
    shock: float
    conventions: Conventions
    reference: Reference
    policy: LabelPolicy
    manifest: Mapping[str, Any]
    golden: FloatArray

    def timing(self, frame: FeatureFrame) -> Timing:
        """When each row's deal is won, given that it is.

        Raises:
            FrameMismatch: the frame's columns are not those the model was trained on.
        """
        return self.timing_of_matrix(self.encoding.matrix(frame))

    def timing_of_matrix(self, matrix: FloatArray) -> Timing:
        """The same of encoded rows."""
        won, lost = hazards_of(self.booster, self.offsets, matrix)
        return timing_of(won, lost, self.shifts)

    def expected_close(self, frame: FeatureFrame, as_of: IntArray) -> IntArray:
        """Rows x (P10, P50, P90) of the close given that the deal is won; microseconds, whole days after
        `as_of`."""
        scores = _scores(self.booster, self.encoding.matrix(frame), len(self.offsets))
        return close_dates_of(scores, self.offsets, self.shifts, np.ascontiguousarray(as_of))

    def save(self, folder: Path) -> None:
        """Write the bundle's files into a folder, which is made.

        Raises:
            TreesError: on the golden rows the trees do not give LightGBM's margins.
        """
        self.booster.try_on(np.append(self.golden, np.zeros((len(self.golden), 1)), axis=1))
        folder.mkdir(parents=True, exist_ok=True)
        text = self.booster.model_to_string()
        (folder / "model.txt").write_text(text, encoding="utf-8")
        described = {
            "format": FORMAT,
            "target": CLOSE,
            "weeks": list(WEEKS),
            "model_sha256": _digest(text),
            "feature_hash": self.encoding.hash,
            "reference_hash": self.reference.hash,
            "encoding": asdict(self.encoding),
            "offsets": self.offsets.tolist(),
            "shifts": self.shifts.tolist(),
            "shock": self.shock,
            "conventions": asdict(self.conventions),
            "policy": asdict(self.policy),
            "manifest": dict(self.manifest),
        }
        _write(folder / "bundle.json", described)
        self.reference.save(folder)
        rows = [[None if np.isnan(v) else v for v in row] for row in self.golden.tolist()]
        golden = {"rows": rows, "cumulative": self.timing_of_matrix(self.golden).cumulative.tolist()}
        _write(folder / "golden.json", golden)


def hazards_of(booster: Trees, offsets: FloatArray, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows x buckets: the chance to be won, and to be lost, in each bucket while open at its start.

    Trees that do not ask for the bucket say the same of each, and are asked once.
    """
    scores = _scores(booster, matrix, len(offsets))
    won, lost = np.empty(scores.shape[:2]), np.empty(scores.shape[:2])
    hazards(scores, offsets, won, lost)
    return won, lost


def _scores(booster: Trees, matrix: FloatArray, count: int) -> FloatArray:
    """Rows x buckets x classes, before what `offsets` add."""
    width, buckets = matrix.shape[1], np.arange(count, dtype=np.float64)
    moving, still = booster.parted(width)
    if len(matrix) == 1:
        row = np.zeros((1, width + 1))
        row[0, :width] = matrix[0]
        return (moving.scores_by(row, width, buckets) + still.scores(row))[None]
    found = np.empty((len(matrix), count, 3))
    room = np.empty((min(len(matrix), _AT_ONCE), count, width + 1))
    room[:, :, width] = buckets
    for begin in range(0, len(matrix), _AT_ONCE):
        some = matrix[begin : begin + _AT_ONCE]
        rows = room[: len(some)]
        rows[:, :, :width] = some[:, None, :]
        scores = moving.scores(rows.reshape(-1, width + 1)).reshape(len(some), count, 3)
        found[begin : begin + _AT_ONCE] = scores + still.scores(rows[:, 0, :])[:, None, :]
    return found


def load_close_bundle(folder: Path) -> CloseBundle:
    """A close bundle from its folder, its golden rows tried.

    Raises:
        BundleError: a file is missing, damaged, or of another format.
    """
    try:
        described = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
        text = (folder / "model.txt").read_text(encoding="utf-8")
        reference = load_reference(folder)
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise BundleError(
            f"{folder}: not readable ({type(error).__name__}: {error}); fetch it again"
        ) from error
    if not isinstance(described, dict) or described.get("target") != CLOSE:
        raise BundleError(f"{folder}: no close bundle; fetch it again")
    if described.get("format") != FORMAT or described.get("weeks") != list(WEEKS):
        raise BundleError(
            f"{folder}: format {described.get('format')}, this version reads {FORMAT}; train again"
        )
    if _digest(text) != described.get("model_sha256") or reference.hash != described.get("reference_hash"):
        raise BundleError(f"{folder}: model.txt or the reference is not the bundle's own; fetch it again")
    try:
        bundle = _assemble(described, golden, text, reference)
        expected = np.array(golden["cumulative"], np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{folder}: bundle.json or golden.json is damaged ({type(error).__name__}); fetch them again"
        ) from error
    got = bundle.timing_of_matrix(bundle.golden).cumulative
    if got.shape != expected.shape or not np.allclose(got, expected, rtol=0, atol=_TOLERANCE):
        raise BundleError(f"{folder}: the golden rows are off; this machine cannot serve it")
    return bundle


def _assemble(
    described: dict[str, Any], golden: dict[str, Any], text: str, reference: Reference
) -> CloseBundle:
    encoding, conventions = described["encoding"], described["conventions"]
    rows = [[np.nan if v is None else v for v in row] for row in golden["rows"]]
    names = tuple(encoding["names"])
    return CloseBundle(
        booster=Trees(text),
        encoding=Encoding(
            names,
            tuple(encoding["units"]),
            {name: tuple(values) for name, values in encoding["vocabularies"].items()},
        ),
        offsets=np.array(described["offsets"], np.float64),
        shifts=np.array(described["shifts"], np.float64),
        shock=float(described["shock"]),
        conventions=Conventions(**{k: _tupled(v) for k, v in conventions.items()}),
        reference=reference,
        policy=LabelPolicy(**described["policy"]),
        manifest=described["manifest"],
        golden=np.array(rows, np.float64).reshape(len(rows), len(names)),
    )


def _tupled(value: Any) -> Any:
    return tuple(_tupled(each) for each in value) if isinstance(value, list) else value


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
