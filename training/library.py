"""LightGBM's own library, without its Python package.

`import lightgbm` costs a process a second and 200 MB, since it brings scikit-learn, SciPy and pandas
along. Who only scores loads the shared library that lies in the package, and calls its documented C
interface (https://lightgbm.readthedocs.io/en/stable/C-API.html).
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from weakref import finalize

import numpy as np

from features.times import FloatArray

_FLOAT64, _ROW_MAJOR, _ALL = 1, 1, -1
_RAW, _CONTRIBUTIONS = 1, 3
_FILES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_DOUBLES = POINTER(c_double)


class TreesError(ValueError):
    """LightGBM refused a model's text or rows."""


class Library:
    """A model as the library holds it.

    Raises:
        TreesError: the text is no model of LightGBM's.
    """

    def __init__(self, text: str) -> None:
        self._handle, rounds = c_void_p(), c_int()
        library = _library(holding=False)
        _check(library.LGBM_BoosterLoadModelFromString(text.encode(), byref(rounds), byref(self._handle)))
        finalize(self, library.LGBM_BoosterFree, self._handle)
        self.trees = _whole(library.LGBM_BoosterNumberOfTotalModel, self._handle)
        self.features = _whole(library.LGBM_BoosterGetNumFeature, self._handle)
        self.classes = _whole(library.LGBM_BoosterGetNumClasses, self._handle)
        self._one = _OneRow(self._handle, self.features, self.classes)

    def margins(self, rows: FloatArray) -> FloatArray:
        """The trees' sums, rows x classes; the same bits alone as among many."""
        return self._one.margins(rows) if len(rows) == 1 else self._predict(rows, _RAW, self.classes)

    def contributions(self, rows: FloatArray) -> FloatArray:
        """SHAP values: rows x classes of (features + 1), the last the expected margin."""
        return self._predict(rows, _CONTRIBUTIONS, self.classes * (self.features + 1))

    def importance(self, kind: Literal["gain", "split"]) -> FloatArray:
        """What each feature's splits gained in all, or how many there are."""
        found = np.empty(self.features)
        code = c_int(1 if kind == "gain" else 0)
        call = _library(holding=False).LGBM_BoosterFeatureImportance
        _check(call(self._handle, c_int(_ALL), code, found.ctypes.data_as(_DOUBLES)))
        return found

    def _predict(self, rows: FloatArray, what: int, width: int) -> FloatArray:
        found, length = np.empty((len(rows), width)), c_int64()
        if not len(rows):
            return found
        _check(
            _library(holding=False).LGBM_BoosterPredictForMat(
                self._handle, rows.ctypes.data_as(c_void_p), c_int(_FLOAT64), c_int(len(rows)),
                c_int(self.features), c_int(_ROW_MAJOR), c_int(what), c_int(0), c_int(_ALL),
                c_char_p(b""), byref(length), found.ctypes.data_as(_DOUBLES),
            )
        )  # fmt: skip
        return found


class _OneRow:
    """The way for a single row, set up once; one thread after the other goes it."""

    def __init__(self, handle: c_void_p, features: int, classes: int) -> None:
        library = _library(holding=True)
        self._config, self._length = c_void_p(), c_int64()
        self._room, self._found, self._alone = np.empty((1, features)), np.empty(classes), Lock()
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

    def margins(self, row: FloatArray) -> FloatArray:
        with self._alone:
            self._room[:] = row
            _check(self._call(*self._arguments))
            return self._found.copy()[None, :]


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
