"""What LightGBM's text says of its trees: leaf values, thresholds, and the categories that no split names.

Not here: predicting. A split on a category names a set of its numbers; all others, unknown ones included, take the
right branch. So a category that no split names is answered like any other that was never seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from roadworthy.estimators.weights import WeightArray, Weights

_CATEGORICAL = 1  # lowest bit of a node's decision type


def weights_of(text: bytes, sizes: dict[str, int], names: tuple[str, ...]) -> Weights:
    """Leaf values, thresholds of numbers, and how many categories of each column no split names.

    text    `model.txt`
    sizes   column → size of its vocabulary, for the category columns
    names   all columns in matrix order
    """
    leaves: list[float] = []
    thresholds: list[float] = []
    named = dict.fromkeys(sizes, 0)
    for tree in _trees(text.decode()):
        leaves += _floats(tree.get("leaf_value", ""))
        bounds = [int(word) for word in tree.get("cat_boundaries", "").split()]
        words = [int(word) for word in tree.get("cat_threshold", "").split()]
        nodes = zip(
            tree.get("split_feature", "").split(),
            tree.get("threshold", "").split(),
            tree.get("decision_type", "").split(),
            strict=True,
        )
        for feature, threshold, decision in nodes:
            if not int(decision) & _CATEGORICAL:
                thresholds.append(float(threshold))
                continue
            at = int(float(threshold))
            name = names[int(feature)]
            if name in named:
                named[name] |= _members(words[bounds[at] : bounds[at + 1]])
    unsplit = {
        name: (size - (named[name] & ((1 << size) - 1)).bit_count(), size) for name, size in sizes.items()
    }
    arrays = (
        WeightArray("leaf values", np.array(leaves), source="leaf values"),
        WeightArray("thresholds", np.array(thresholds), source="thresholds"),
    )
    return Weights("trees", arrays, unsplit)


def _trees(text: str) -> Iterator[dict[str, str]]:
    """The lines `name=value` of every tree."""
    for block in text.partition("end of trees")[0].split("\nTree=")[1:]:
        pairs = (line.partition("=") for line in block.splitlines()[1:])
        yield {name: value for name, equals, value in pairs if equals}


def _floats(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _members(words: list[int]) -> int:
    """The set as one number, whose bit n says whether n is a member.

    >>> bin(_members([5, 1]))
    '0b100000000000000000000000000000101'
    """
    return int.from_bytes(np.array(words, dtype="<u4").tobytes(), "little")
