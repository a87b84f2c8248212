from __future__ import annotations

import io
import pickle
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid
from service.scoring.predictors.arrays import GRID, LARGEST_SUM, expect_on_grid, from_npy, on_grid, to_npy
from tests.scoring.bomb import Bomb
from tests.scoring.strategies import THOROUGH


def npy(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


@THOROUGH
@given(units=st.lists(st.integers(-(2**46), 2**46), min_size=2, max_size=30), seed=st.integers(0, 9))
def test_sums_on_the_grid_are_the_same_in_any_order(units: list[int], seed: int) -> None:
    values = [unit * GRID for unit in units]
    turned = random.Random(seed).sample(values, len(values))  # noqa: S311  # a shuffle
    expect_on_grid(np.array(values), sum(map(abs, values)), "test")
    assert sum(values) == sum(turned) == float(np.sum(values)) == sum(units) * GRID


@THOROUGH
@given(value=st.floats(-4096, 4096))
def test_rounding_to_the_grid_moves_a_value_by_half_a_step_at_most(value: float) -> None:
    rounded = float(on_grid(value))
    assert abs(rounded - value) <= GRID / 2
    assert float(on_grid(rounded)) == rounded


def test_values_off_the_grid_are_refused() -> None:
    with pytest.raises(BundleInvalid) as refusal:
        expect_on_grid(np.array([0.5, 0.1]), 1.0, "leaves")
    assert str(refusal.value) == "leaves: a value is not a finite multiple of 2**-40"


@pytest.mark.parametrize("largest", [LARGEST_SUM, float("inf"), float("nan")])
def test_sums_that_would_be_rounded_are_refused(largest: float) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        expect_on_grid(np.array([0.5]), largest, "leaves")
    assert str(refusal.value) == f"leaves: values could add up to {largest}, beyond 4096.0"


@pytest.mark.parametrize("array", [np.arange(6.0), np.arange(6.0).reshape(2, 3).T, np.empty((0, 3))])
def test_an_array_read_back_is_the_same(array: np.ndarray[Any, Any]) -> None:
    read = from_npy({"a.npy": to_npy(array)}, "a.npy", np.float64, array.shape)
    assert read.tolist() == array.tolist()


def test_an_array_of_pickled_objects_is_refused_without_running_it(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb(tmp_path / "ran")], dtype=object), allow_pickle=True)
    with pytest.raises(BundleInvalid) as refusal:
        from_npy({"nodes.npy": buffer.getvalue()}, "nodes.npy", np.float64, (None,))
    assert str(refusal.value).startswith("nodes.npy is not a plain array: Object arrays cannot be loaded")
    assert not (tmp_path / "ran").exists()


def test_a_pickle_in_place_of_an_array_is_refused_without_running_it(tmp_path: Path) -> None:
    content = pickle.dumps(Bomb(tmp_path / "ran"))
    with pytest.raises(BundleInvalid) as refusal:
        from_npy({"nodes.npy": content}, "nodes.npy", np.float64, (None,))
    assert str(refusal.value).startswith("nodes.npy is not a plain array: the magic string is not correct")
    assert not (tmp_path / "ran").exists()


def test_the_pickles_of_these_tests_would_run_if_they_were_loaded(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran"))).close()  # noqa: S301  # shows that the trap is live
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(to_npy(np.zeros(3))[:-1], id="cut short"),
        pytest.param(
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1" + "0" * 15 + ",)}"), id="too long"
        ),
        pytest.param(
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1" + "0" * 30 + ",)}"), id="overflow"
        ),
        pytest.param(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}"), id="negative"),
        pytest.param(npy("{'descr': '<f8', 'fortran_order': False, 'shape': 3}"), id="no shape"),
        pytest.param(
            npy("{'descr': [('a', 'b', 'c', 'd')], 'fortran_order': False, 'shape': (3,)}"), id="no type"
        ),
        pytest.param(npy("(" * 9000), id="nested"),
        pytest.param(npy("{'descr': '''"), id="open quote"),
        pytest.param(npy("__import__('os').getcwd()"), id="code"),
        pytest.param(npy("\x00\xff"), id="bytes"),
    ],
)
def test_refuses_a_file_that_is_no_plain_array(content: bytes) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        from_npy({"nodes.npy": content}, "nodes.npy", np.float64, (None,))
    assert str(refusal.value).startswith("nodes.npy is not a plain array: ")


@THOROUGH
@given(place=st.integers(0, 151), byte=st.integers(0, 255))
def test_a_changed_byte_gives_an_array_of_the_type_or_a_refusal(place: int, byte: int) -> None:
    content = bytearray(to_npy(np.arange(3.0)))
    content[place] = byte
    with suppress(BundleInvalid):
        read = from_npy({"a.npy": bytes(content)}, "a.npy", np.float64, (None,))
        assert (read.dtype, read.ndim) == (np.float64, 1)


def test_refuses_bytes_after_the_array() -> None:
    with pytest.raises(BundleInvalid) as refusal:
        from_npy({"a.npy": to_npy(np.zeros(3)) + b"x"}, "a.npy", np.float64, (3,))
    assert str(refusal.value) == "a.npy: expected float64 (3,), found float64 (3,)"
