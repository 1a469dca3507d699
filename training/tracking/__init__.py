"""The tracking store: the one package that talks to MLflow."""

from training.tracking.address import DEFAULT_URI, tracking_uri
from training.tracking.load import watched
from training.tracking.store import CHALLENGER, CHAMPION, Named, Registered, Tracking, model_name
from training.tracking.versions import is_cutoff, trained_as_of

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DEFAULT_URI",
    "Named",
    "Registered",
    "Tracking",
    "is_cutoff",
    "model_name",
    "tracking_uri",
    "trained_as_of",
    "watched",
]
