from __future__ import annotations

import numpy as np

from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.joint_tables import MOST_QUESTIONS, Question, joint_tables


def tree(*limits: int) -> list[Question | None]:
    return [(0, limit) for limit in limits]


def leaves(trees: int, depth: int) -> np.ndarray:
    return np.asarray(on_grid(np.random.default_rng(0).normal(size=(trees, 2**depth))))


def test_trees_of_the_same_questions_become_one_table_of_their_sums() -> None:
    own = leaves(3, 2)
    (table,) = joint_tables([tree(1, 2), tree(1, 2), tree(2, 1)], own)
    assert table.questions == ((0, 1), (0, 2))
    # In the last tree the bits have changed places.
    assert table.leaves.tolist() == (own[0] + own[1] + own[2][[0, 2, 1, 3]]).tolist()


def test_no_table_asks_more_than_fits_a_byte() -> None:
    asked = [tree(3 * i, 3 * i + 1, 3 * i + 2) for i in range(9)]
    tables = joint_tables(asked, leaves(9, 3))
    assert max(len(table.questions) for table in tables) <= MOST_QUESTIONS
    assert sorted(q for table in tables for q in table.questions) == sorted(q for t in asked for q in t if q)


def test_a_tree_joins_those_that_ask_what_it_asks() -> None:
    asked = [tree(1, 2, 3, 4, 5), tree(11, 12, 13, 14, 15), tree(1, 2, 3, 4, 6), tree(11, 12, 13, 14, 16)]
    tables = joint_tables(asked, leaves(4, 5))
    assert [len(table.questions) for table in tables] == [6, 6]


def test_questions_that_are_never_answered_yes_cost_nothing() -> None:
    own = leaves(2, 2)
    (table,) = joint_tables([[None, None], [None, (0, 7)]], own)
    assert table.questions == ((0, 7),)
    assert table.leaves.tolist() == [own[0, 0] + own[1, 0], own[0, 0] + own[1, 2]]


def test_trees_that_ask_nothing_are_one_leaf() -> None:
    own = leaves(2, 1)
    (table,) = joint_tables([[None], [None]], own)
    assert (table.questions, table.leaves.tolist()) == ((), [own[0, 0] + own[1, 0]])
