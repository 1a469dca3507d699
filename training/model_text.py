"""Trees out of LightGBM's own text (`Booster.model_to_string`, `save_model`), without LightGBM."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isnan

from training.errors import NotExplainable, TreesUnread

_BITS = 32  # of one word of a category set
CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of a node's decision type; the next two are the missing type
NONE, ZERO, NAN = 0, 1, 2  # missing types
LARGEST = sys.float_info.max  # stands for infinity, beyond which only what is missing is put


@dataclass(frozen=True)
class Tree:
    """One tree: internal nodes from 0 on, leaf i as the child ~i.

    Attributes:
        feature, threshold, decision, left, right: per internal node; the threshold is finite, of a category
            the place of its set; `decision` holds the bits above.
        cover: how many rows of the training data came to each internal node.
        leaf_value, leaf_cover: per leaf; one leaf and no node in a tree that could not split.
        sets: category sets as bits: category c goes left where bit c is set.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    decision: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    cover: tuple[int, ...]
    leaf_value: tuple[float, ...]
    leaf_cover: tuple[int, ...]
    sets: tuple[int, ...]

    def cover_of(self, child: int) -> int:
        return self.cover[child] if child >= 0 else self.leaf_cover[~child]

    def expected(self) -> float:
        """The mean of its leaves by cover, in LightGBM's order of adding."""
        if not self.feature:
            return self.leaf_value[0]
        total = 0.0
        for value, cover in zip(self.leaf_value, self.leaf_cover, strict=True):
            total += cover / self.cover[0] * value
        return total


@dataclass(frozen=True)
class Model:
    """Trees over so many features, whose sum is the margin; of several classes in turn."""

    trees: tuple[Tree, ...]
    features: int
    classes: int

    def check_explainable(self) -> None:
        """Raises NotExplainable: it has several classes, or a node that no training row came to."""
        if self.classes != 1:
            raise NotExplainable(f"the model has {self.classes} classes; only models with one margin a row")
        for place, tree in enumerate(self.trees):
            if tree.feature and min((*tree.cover, *tree.leaf_cover)) <= 0:
                raise NotExplainable(
                    f"tree {place} has a node that no training row came to: LightGBM gives NaN there"
                )


def model_of(text: str) -> Model:
    """The trees of a LightGBM model.

    Raises:
        TreesUnread: it has linear leaves, or is no LightGBM model.
    """
    head, *blocks = text.partition("end of trees")[0].split("\nTree=")
    told = _pairs(head)
    if "end of trees" not in text:
        raise TreesUnread("the text of the model ends before its trees do")
    try:
        features, classes = int(told["max_feature_idx"]) + 1, int(told.get("num_tree_per_iteration", "1"))
        trees = tuple(_tree(_pairs(block), place, features) for place, block in enumerate(blocks))
    except TreesUnread:
        raise
    except (KeyError, ValueError, IndexError) as error:
        raise TreesUnread(f"not the text of a LightGBM model ({type(error).__name__}: {error})") from error
    return Model(trees, features, classes)


def _tree(told: Mapping[str, str], place: int, features: int) -> Tree:
    if told.get("is_linear", "0") != "0":
        raise TreesUnread(f"tree {place} has linear leaves")
    tree = Tree(
        feature=_integers(told, "split_feature"),
        threshold=tuple(min(max(value, -LARGEST), LARGEST) for value in _numbers(told, "threshold")),
        decision=_integers(told, "decision_type"),
        left=_integers(told, "left_child"),
        right=_integers(told, "right_child"),
        cover=_integers(told, "internal_count"),
        leaf_value=_numbers(told, "leaf_value"),
        leaf_cover=_integers(told, "leaf_count"),
        sets=tuple(_sets(_integers(told, "cat_boundaries"), _integers(told, "cat_threshold"))),
    )
    _check(tree, int(told["num_leaves"]), place)
    for feature, threshold, decision in zip(tree.feature, tree.threshold, tree.decision, strict=True):
        known = not decision & CATEGORICAL or 0 <= threshold < len(tree.sets)
        if not (0 <= feature < features and decision >> 2 in (NONE, ZERO, NAN) and known):
            raise ValueError(f"tree {place} asks of feature {feature} what no row can answer")
    return tree


def _check(tree: Tree, leaves: int, place: int) -> None:
    """Lengths that fit together, each node and leaf the child of one."""
    columns = (tree.threshold, tree.decision, tree.left, tree.right, tree.cover)
    children = sorted((*tree.left, *tree.right))
    if (
        leaves < 1
        or len(tree.leaf_value) != leaves
        or {leaves - 1} != {len(tree.feature), *map(len, columns)}
        or (leaves > 1 and len(tree.leaf_cover) != leaves)
        or (leaves > 1 and children != [*range(-leaves, 0), *range(1, leaves - 1)])
        or any(map(isnan, (*tree.threshold, *tree.leaf_value)))
    ):
        raise ValueError(f"tree {place} is not whole")


def _sets(bounds: tuple[int, ...], words: tuple[int, ...]) -> Iterator[int]:
    for low, high in pairwise(bounds):
        yield sum(word << (_BITS * i) for i, word in enumerate(words[low:high]))


def _pairs(block: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.split("\n"))}


def _integers(told: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(map(int, told.get(name, "").split()))


def _numbers(told: Mapping[str, str], name: str) -> tuple[float, ...]:
    return tuple(map(float, told.get(name, "").split()))
