"""Symmetric trees that ask much the same, put together into one table: a row is looked up once for several trees.

Leaves are multiples of 2**-40, whose sums are exact in any order: taken beforehand, they leave a score its bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from service.scoring.arithmetic import FloatArray

# A position of so many bits is a byte, and 256 leaves stay in the processor's nearest cache.
MOST_QUESTIONS = 8
# A column of small integers, and the limit that yes is above.
Question: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class JointTable:
    """questions: each stands once; question d is bit d of the position. leaves: float64 (2**questions,), log-odds."""

    questions: tuple[Question, ...]
    leaves: FloatArray


def joint_tables(asked: Sequence[Sequence[Question | None]], leaves: FloatArray) -> list[JointTable]:
    """Return tables that add up to the trees.

    asked: of each tree, at most `MOST_QUESTIONS`; None is never answered yes. leaves: float64 (trees, 2**depth).
    """
    order = {question: place for place, question in enumerate(dict.fromkeys(_flat(asked)))}
    masks = [sum({1 << order[question] for question in tree if question}) for tree in asked]
    return [
        _table(
            [asked[tree] for tree in group],
            leaves[group],
            [item for item in order if mask >> order[item] & 1],
        )
        for group, mask in _groups(masks)
    ]


def _flat(asked: Sequence[Sequence[Question | None]]) -> list[Question]:
    return [question for tree in asked for question in tree if question is not None]


def _groups(masks: Sequence[int]) -> list[tuple[list[int], int]]:
    """Group trees by their questions, which are bits; to the first that is left comes whichever adds the fewest."""
    left, groups = list(range(len(masks))), []
    while left:
        group = [left.pop(0)]
        mask = masks[group[0]]
        while left:
            added = [(masks[tree] & ~mask).bit_count() for tree in left]
            fewest = min(added)
            if mask.bit_count() + fewest > MOST_QUESTIONS:
                break
            group.append(left.pop(added.index(fewest)))
            mask |= masks[group[-1]]
        groups.append((group, mask))
    return groups


def _table(
    asked: Sequence[Sequence[Question | None]], leaves: FloatArray, questions: Sequence[Question]
) -> JointTable:
    answers = np.arange(2 ** len(questions))
    bit = {question: answers >> place & 1 for place, question in enumerate(questions)}
    first = np.zeros(len(answers), dtype=np.intp)
    sums = (
        own[sum((bit[question] << depth for depth, question in enumerate(tree) if question), first)]
        for tree, own in zip(asked, leaves, strict=True)
    )
    return JointTable(tuple(questions), reduce(np.add, sums))
