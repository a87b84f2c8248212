from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch.step import Stretch


@given(st.lists(st.integers(0, 10**12), max_size=6))
def test_the_share_that_is_done_grows_from_nothing_to_all(sizes: list[int]) -> None:
    moments = [(done, part) for done in range(len(sizes)) for part in (0.0, 0.5, 1.0)]
    shares = [Stretch(sizes).share(done, part) for done, part in moments]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert Stretch(sizes).share(len(sizes), 0.0) == (1 if sum(sizes) else 0)


def test_half_of_the_second_of_two_inputs_is_its_share_of_the_bytes() -> None:
    assert Stretch([100, 300]).share(1, 0.5) == pytest.approx(0.625)
