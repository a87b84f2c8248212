"""Any ensemble of decision trees (boosted or a forest), evaluated by bit masks instead of by walking.

Every leaf of a tree is a bit. For each input and each of its bins a mask has the leaves that can still be
reached; the AND over the inputs leaves exactly one bit, the leaf (after QuickScorer, Lucchese et al., 2015).
Trees of more than 64 leaves take several words, of which one ends up non-zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray, log_odds
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number
from service.scoring.predictors.arrays import (
    ROWS_AT_A_TIME,
    expect_on_grid,
    from_npy,
    on_grid,
    to_npy,
)
from service.scoring.predictors.binning import Bins

WORD = 64
LEAF = -1
# left and right are positions within the tree; a node without children has input -1 and its leaf's value.
NODE = np.dtype(
    [
        ("tree", "<i4"),
        ("input", "<i4"),
        ("value", "<f8"),
        ("left", "<i4"),
        ("right", "<i4"),
        ("null_right", "?"),
    ]
)
Link = Literal["log_odds", "probability"]


class Trees:
    """The sum of one leaf per tree, and a bias.

    nodes: NODE (nodes,), tree by tree, parents before children. A node goes right where `x > value`, for a
    level where `x == value`, for a null where `null_right`. With link `probability` the sum is P and the raw
    score is its log-odds.
    """

    kind = "trees"

    def __init__(self, bias: float, link: Link, nodes: npt.NDArray[Any], levels: Sequence[int]) -> None:
        self.bias, self.link, self.nodes, self.levels = float(on_grid(bias)), link, nodes, tuple(levels)
        starts = _tree_starts(nodes)
        _check_nodes(nodes, starts, len(self.levels))
        trees = [nodes[a:b] for a, b in zip(starts, [*starts[1:], len(nodes)], strict=True)]
        self._check_sums(trees)
        self._prepare(trees)

    def score_one(self, row: Sequence[float]) -> float:
        """Return the raw score of one encoded record."""
        alive = None
        for position, bins, masks in self._inputs:
            mask = masks[bins.of_one(row[position])]
            alive = mask if alive is None else alive & mask
        leaf = np.bitwise_count((alive if alive is not None else self.every_leaf) - self._one)
        total = float(self._leaves.take(leaf + self._offsets).sum()) + self.bias
        return log_odds(total) if self.link == "probability" else total

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        totals = np.empty(len(matrix))
        for start in range(0, len(matrix), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            totals[rows] = self._total_block(matrix[rows])
        return log_odds(totals) if self.link == "probability" else totals

    def to_files(self) -> dict[str, bytes]:
        """Return `predictor.json` and `nodes.npy`."""
        body = {"kind": self.kind, "bias": self.bias, "link": self.link}
        return {"predictor.json": canonical_json(body), "nodes.npy": to_npy(self.nodes)}

    def reachable(self, row: Sequence[float]) -> npt.NDArray[np.uint64]:
        """Return for each used input (inputs, words) the leaves that its value alone leaves possible."""
        reach = [masks[bins.of_one(row[position])] for position, bins, masks in self._inputs]
        return np.stack(reach) if reach else np.empty((0, len(self.every_leaf)), dtype=np.uint64)

    @classmethod
    def from_files(cls, body: Mapping[str, Any], files: Mapping[str, bytes], levels: Sequence[int]) -> Trees:
        """Read the trees; raises `BundleInvalid` for anything out of bounds, and for cycles."""
        expect_keys(body, {"kind", "bias", "link"}, "trees")
        if body["link"] not in ("log_odds", "probability"):
            raise BundleInvalid(f"trees: link {body['link']!r} is not one of: log_odds, probability")
        nodes = from_npy(files, "nodes.npy", NODE, (None,))
        return cls(expect_number(body["bias"], "bias"), body["link"], nodes, levels)

    def _check_sums(self, trees: list[npt.NDArray[Any]]) -> None:
        leaves = [tree["value"][tree["input"] == LEAF] for tree in trees]
        largest = sum(float(np.abs(values).max()) for values in leaves) + abs(self.bias)
        expect_on_grid(np.concatenate(leaves), largest, "trees")

    def _prepare(self, trees: list[npt.NDArray[Any]]) -> None:
        inner = self.nodes[self.nodes["input"] != LEAF]
        bins = {
            position: Bins(
                np.empty(0) if count else np.unique(inner["value"][inner["input"] == position]), count
            )
            for position, count in enumerate(self.levels)
            if (inner["input"] == position).any()
        }
        words = [-(-int((tree["input"] == LEAF).sum()) // WORD) for tree in trees]
        first = np.concatenate([[0], np.cumsum(words)]).astype(int)
        full = (1 << WORD) - 1
        masks = {p: np.full((b.count, first[-1]), full, dtype=np.uint64) for p, b in bins.items()}
        leaves = np.zeros((first[-1], WORD + 1))
        alive = np.zeros(first[-1], dtype=np.uint64)
        touched: list[set[int]] = [set() for _ in range(first[-1])]
        for tree, start in zip(trees, first[:-1].tolist(), strict=True):
            reach = _reachable(tree)
            count = int((tree["input"] == LEAF).sum())
            for word in range(-(-count // WORD)):
                alive[start + word] = (((1 << count) - 1) >> (WORD * word)) & full
            for bit, value in enumerate(_leaf_values(tree, reach)):
                leaves[start + bit // WORD, bit % WORD] = value
            for node in np.flatnonzero(tree["input"] != LEAF).tolist():
                _mask_out(tree[node], reach, bins, masks, touched, start)
        self._inputs = [(position, bins[position], masks[position] & alive) for position in bins]
        self.every_leaf, self._one = alive, np.uint64(1)
        self.used_inputs = list(bins)
        self.leaf_table = leaves[:, :WORD].ravel()
        self._leaves = leaves.ravel()
        self._offsets = np.arange(first[-1], dtype=np.intp) * (WORD + 1)
        self._touched = [sorted(inputs) for inputs in touched]

    def _total_block(self, matrix: FloatArray) -> FloatArray:
        rows = len(matrix)
        binned = {position: bins.of_many(matrix[:, position]) for position, bins, _ in self._inputs}
        masks = {position: table for position, _, table in self._inputs}
        totals = np.full(rows, self.bias)
        alive, other = np.empty(rows, dtype=np.uint64), np.empty(rows, dtype=np.uint64)
        leaf, wide, value = np.empty(rows, dtype=np.uint8), np.empty(rows, dtype=np.intp), np.empty(rows)
        for word, inputs in enumerate(self._touched):
            alive.fill(self.every_leaf[word])
            for position in inputs:
                column = np.ascontiguousarray(masks[position][:, word])
                np.take(column, binned[position], out=other, mode="clip")
                np.bitwise_and(alive, other, out=alive)
            np.subtract(alive, self._one, out=alive)
            np.bitwise_count(alive, out=leaf)
            np.copyto(wide, leaf)
            leaves = self._leaves[word * (WORD + 1) : (word + 1) * (WORD + 1)]
            np.take(leaves, wide, out=value, mode="clip")
            np.add(totals, value, out=totals)
        return totals


def _tree_starts(nodes: npt.NDArray[Any]) -> list[int]:
    if not len(nodes) or nodes["tree"][0] != 0 or not np.isin(np.diff(nodes["tree"]), (0, 1)).all():
        raise BundleInvalid("trees: nodes do not stand tree by tree")
    return [0, *(np.flatnonzero(np.diff(nodes["tree"])) + 1).tolist()]


def _check_nodes(nodes: npt.NDArray[Any], starts: list[int], inputs: int) -> None:
    """Children come after their parent, within the tree, once each: no cycle, nothing out of bounds."""
    sizes = np.diff([*starts, len(nodes)])
    size, first = np.repeat(sizes, sizes), np.repeat(starts, sizes)
    own = np.arange(len(nodes)) - first
    inner = nodes["input"] != LEAF
    if nodes["input"].min() < LEAF or nodes["input"].max() >= inputs:
        raise BundleInvalid(f"trees: an input is not within 0 to {inputs - 1}")
    if not np.isfinite(nodes["value"]).all():
        raise BundleInvalid("trees: a value is not finite")
    for side in ("left", "right"):
        child = nodes[side][inner]
        if not ((child > own[inner]) & (child < size[inner])).all():
            raise BundleInvalid(f"trees: a {side} child does not come after its parent within the tree")
    children = np.concatenate([(nodes[side] + first)[inner] for side in ("left", "right")])
    if len(np.unique(children)) != len(children) or len(children) != len(nodes) - len(starts):
        raise BundleInvalid("trees: every node but a root must be the child of exactly one node")


def _reachable(tree: npt.NDArray[Any]) -> list[int]:
    """Return for every node the set of leaves below it, as the bits of an integer; leaves count in node order."""
    reach = [0] * len(tree)
    leaf = int((tree["input"] == LEAF).sum())
    for node in range(len(tree) - 1, -1, -1):
        if tree["input"][node] == LEAF:
            leaf -= 1
            reach[node] = 1 << leaf
        else:
            reach[node] = reach[tree["left"][node]] | reach[tree["right"][node]]
    return reach


def _leaf_values(tree: npt.NDArray[Any], reach: list[int]) -> list[float]:
    ends = sorted(np.flatnonzero(tree["input"] == LEAF).tolist(), key=lambda node: reach[node])
    return [float(tree["value"][node]) for node in ends]


def _mask_out(
    node: Any,
    reach: list[int],
    bins: Mapping[int, Bins],
    masks: Mapping[int, npt.NDArray[np.uint64]],
    touched: list[set[int]],
    start: int,
) -> None:
    """Take away, bin by bin, the leaves that this node's answer rules out."""
    position = int(node["input"])
    right = bins[position].right_of(float(node["value"]), null_right=bool(node["null_right"]))
    for lost, where in ((reach[node["left"]], right), (reach[node["right"]], ~right)):
        word, rest = 0, lost
        while rest:
            bits = rest & ((1 << WORD) - 1)
            if bits:
                masks[position][where, start + word] &= np.uint64(~bits & ((1 << WORD) - 1))
                touched[start + word].add(position)
            rest >>= WORD
            word += 1
