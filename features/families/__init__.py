"""The features by business theme: each family a pure function of a history and snapshots.

A family returns one array per feature, named as in the catalogue and as long as the snapshots:
float64 with NaN where a number is not given, or texts (object) with None for a category.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from features.history import History
from features.readers import TextArray
from features.snapshots import Snapshots
from features.times import FloatArray

Values = Mapping[str, FloatArray | TextArray]
Family = Callable[[History, Snapshots], Values]
