"""TreeSHAP: exact SHAP values of LightGBM models, from tables that are made once."""

from training.errors import NotExplainable
from training.treeshap.explainer import TreeShap, tree_shap

__all__ = ["NotExplainable", "TreeShap", "tree_shap"]
