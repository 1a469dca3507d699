"""The errors of training and of finished models."""

from features.errors import DataError


class TooLittleData(DataError):
    """There are not enough labelled snapshots to fit, calibrate and test a model."""


class BundleError(DataError):
    """A bundle is damaged, or of another format than this version reads."""


class FrameMismatch(DataError):
    """A feature frame's columns are not those the model was trained on."""


class TrackingError(RuntimeError):
    """The tracking store cannot be reached, or does not hold what was asked for."""


class DriftFound(DataError):
    """The present is not as it was at training, and it was asked to fail then."""


class TreesUnread(DataError):
    """A text is not that of LightGBM's trees, or of some that nobody but LightGBM reads."""


class NotExplainable(DataError):
    """The tables behind fast SHAP values cannot be made for this model, or gave wrong values."""
