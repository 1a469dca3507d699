"""Trees as LightGBM's own library reads them, without its Python package.

`import lightgbm` costs a process a second and 200 MB, since it brings scikit-learn, SciPy and pandas
along. Who only scores loads the shared library that lies in the package, and calls its documented C
interface (https://lightgbm.readthedocs.io/en/stable/C-API.html).
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_void_p
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from weakref import WeakKeyDictionary, finalize

import numpy as np

from features.times import FloatArray
from training.treeshap.checked import Checked, checked

_FLOAT64, _ROW_MAJOR, _ALL = 1, 1, -1
_RAW, _CONTRIBUTIONS = 1, 3
_FILES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_DOUBLES = POINTER(c_double)
_SPLITS = re.compile(r"^split_feature=(.*)$", re.MULTILINE)
_NOTHING = (  # a tree that says 0 of each row
    "num_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\ndecision_type=\nleft_child=\nright_child=\n"
    "leaf_value=0\nleaf_weight=\nleaf_count=\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0\nshrinkage=1\n"
)


class TreesError(ValueError):
    """LightGBM refused a model's text or rows."""


class Trees:
    """A model's trees, from LightGBM's text; they do not change.

    Raises:
        TreesError: the text is no model of LightGBM's.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._handle, rounds = c_void_p(), c_int()
        library = _library(holding=False)
        _check(library.LGBM_BoosterLoadModelFromString(text.encode(), byref(rounds), byref(self._handle)))
        finalize(self, library.LGBM_BoosterFree, self._handle)
        self._trees = _whole(library.LGBM_BoosterNumberOfTotalModel, self._handle)
        self._features = _whole(library.LGBM_BoosterGetNumFeature, self._handle)
        self._margins = _whole(library.LGBM_BoosterGetNumClasses, self._handle)
        self._one = _OneRow(self._handle, self._features, self._margins)

    def model_to_string(self) -> str:
        """The text they were made of."""
        return self._text

    def num_trees(self) -> int:
        return self._trees

    def num_feature(self) -> int:
        return self._features

    def margins(self, matrix: FloatArray) -> FloatArray:
        """The trees' sum for each row, before any calibration; float64, the same bits alone as among many.

        Raises:
            TreesError: the rows have other columns, or the trees have several margins a row.
        """
        if self._margins != 1:
            raise TreesError(f"the trees have {self._margins} margins a row, one for each class")
        return self._one.margins(matrix) if len(matrix) == 1 else self._predict(matrix, _RAW, 1)[:, 0]

    def scores(self, matrix: FloatArray) -> FloatArray:
        """The trees' sums for each row and class, before any softmax: rows x classes."""
        return (
            self._one.margins(matrix)[None, :]
            if len(matrix) == 1
            else self._predict(matrix, _RAW, self._margins)
        )

    def scores_by(self, row: FloatArray, column: int, values: FloatArray) -> FloatArray:
        """The same of one row (1 x features) with each of some values in a column: values x classes."""
        return self._one.margins_by(row, column, values)

    @cached_property
    def _parts(self) -> dict[int, tuple[Trees, Trees]]:
        return {}

    def parted(self, column: int) -> tuple[Trees, Trees]:
        """The trees that ask for a column and those that do not: what all say is the sum of what both say."""
        if column not in self._parts:
            head, *trees = self._text.split("\nTree=")
            *_, tail = trees[-1].partition("\nend of trees")
            trees[-1] = trees[-1].removesuffix("\nend of trees" + tail)
            head = "\n".join(line for line in head.split("\n") if not line.startswith("tree_sizes="))
            asks = [str(column) in _SPLITS.search(tree)[1].split() for tree in trees]  # type: ignore[index]
            both = [
                [tree if its is wanted else f"{i}\n{_NOTHING}" for i, tree, its in zip(count(), trees, asks)]
                for wanted in (True, False)
            ]
            one, other = (Trees("\nTree=".join([head, *its]) + "\nend of trees" + tail) for its in both)
            self._parts[column] = one, other
        return self._parts[column]

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """LightGBM's own SHAP values: rows x (features + 1), the last column the expected margin; so
        many columns for each class where there are several."""
        return self._predict(matrix, _CONTRIBUTIONS, self._margins * (self._features + 1))

    def feature_importance(self, kind: Literal["gain", "split"]) -> FloatArray:
        """What each feature's splits gained in all, or how many there are."""
        found = np.empty(self._features)
        code = c_int(1 if kind == "gain" else 0)
        call = _library(holding=False).LGBM_BoosterFeatureImportance
        _check(call(self._handle, c_int(_ALL), code, found.ctypes.data_as(_DOUBLES)))
        return found

    def _predict(self, matrix: FloatArray, what: int, width: int) -> FloatArray:
        rows = self._rows(matrix)
        found, length = np.empty((len(rows), width)), c_int64()
        if not len(rows):
            return found
        _check(
            _library(holding=False).LGBM_BoosterPredictForMat(
                self._handle, rows.ctypes.data_as(c_void_p), c_int(_FLOAT64), c_int(len(rows)),
                c_int(self._features), c_int(_ROW_MAJOR), c_int(what), c_int(0), c_int(_ALL),
                c_char_p(b""), byref(length), found.ctypes.data_as(_DOUBLES),
            )
        )  # fmt: skip
        return found

    def _rows(self, matrix: FloatArray) -> FloatArray:
        if matrix.ndim != 2 or matrix.shape[1] != self._features:
            raise TreesError(f"the trees read {self._features} columns, not an array of shape {matrix.shape}")
        return np.ascontiguousarray(matrix, np.float64)


class _OneRow:
    """The way for a single row, set up once; one thread after the other goes it."""

    def __init__(self, handle: c_void_p, features: int, margins: int) -> None:
        library = _library(holding=True)
        self._config, self._length, self._features = c_void_p(), c_int64(), features
        self._room, self._found, self._alone = np.empty((1, features)), np.empty(margins), Lock()
        _check(
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                handle, c_int(_RAW), c_int(0), c_int(_ALL), c_int(_FLOAT64), c_int(features), c_char_p(b""),
                byref(self._config),
            )
        )  # fmt: skip
        finalize(self, library.LGBM_FastConfigFree, self._config)
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        room, found = self._room.ctypes.data_as(c_void_p), self._found.ctypes.data_as(_DOUBLES)
        self._arguments = (self._config, room, byref(self._length), found)

    def margins(self, matrix: FloatArray) -> FloatArray:
        """The sum of each class."""
        with self._alone:
            self._place(matrix)
            _check(self._call(*self._arguments))
            return self._found.copy()

    def margins_by(self, matrix: FloatArray, column: int, values: FloatArray) -> FloatArray:
        """The same with each of some values in a column."""
        found = np.empty((len(values), len(self._found)))
        with self._alone:
            self._place(matrix)
            for i, value in enumerate(values.tolist()):
                self._room[0, column] = value
                _check(self._call(*self._arguments))
                found[i] = self._found
        return found

    def _place(self, matrix: FloatArray) -> None:
        if matrix.shape != (1, self._features):
            raise TreesError(f"the trees read {self._features} columns, not an array of shape {matrix.shape}")
        self._room[:] = matrix


def margins(trees: Trees, matrix: FloatArray) -> FloatArray:
    """The trees' sum for each row, before any calibration; float64, one per row."""
    return trees.margins(matrix)


def contributions(trees: Trees, matrix: FloatArray) -> FloatArray:
    """SHAP values of the margin: rows x (features + 1), the last column the expected margin.

    By `training.treeshap`, whose tables are made when trees are first explained (or `ready_to_explain`)
    and held against LightGBM's own values on some rows; by LightGBM where they cannot be made.
    """
    return _checked(trees, matrix).contributions(trees, matrix)


def ready_to_explain(trees: Trees, rows: FloatArray) -> None:
    """Make the tables behind `contributions` now, and try them on these rows."""
    _checked(trees, rows)


def slowly_explained() -> list[str]:
    """Why, for all trees in use whose SHAP values are computed by LightGBM, slowly."""
    return [its.why_slow for its in list(_CHECKED.values()) if its.fast is None]


_CHECKED: WeakKeyDictionary[Trees, Checked] = WeakKeyDictionary()


def _checked(trees: Trees, rows: FloatArray) -> Checked:
    found = _CHECKED.get(trees)
    if found is None:
        found = _CHECKED[trees] = checked(trees, rows)
    return found


@cache
def _library(*, holding: bool) -> ctypes.CDLL:
    """The library; `holding`: calls keep the interpreter's lock, which for a single row costs less."""
    loaded = ctypes.PyDLL(_path()) if holding else ctypes.CDLL(_path())
    loaded.LGBM_GetLastError.restype = c_char_p
    return loaded


def _path() -> str:
    spec = importlib.util.find_spec("lightgbm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in (Path(folder) / place / name for place in ("lib", "bin", "") for name in _FILES):
            if path.is_file():
                return str(path)
    import lightgbm  # a build that keeps its library elsewhere

    return str(sys.modules[lightgbm.Booster.__module__]._LIB._name)


def _whole(call: Any, handle: c_void_p) -> int:
    found = c_int()
    _check(call(handle, byref(found)))
    return found.value


def _check(code: int) -> None:
    if code:
        raise TreesError(str(_library(holding=False).LGBM_GetLastError().decode(errors="replace")))
