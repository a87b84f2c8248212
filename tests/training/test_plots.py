from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.plots import (
    LONGEST_NAME,
    legend_below,
    log_odds,
    percent,
    share_axis,
    share_scale,
    short_name,
    svg,
)


def line(axes: Any) -> None:
    axes.plot([0, 1], [0, 1], marker="o", label="from $0 to <1>")
    axes.fill_between([0, 1], [0, 1], hatch="//")
    legend_below(axes)


def curve(axes: Any) -> None:
    axes.plot([0, 1, 2], [0, 1, 4], marker="o")


def test_the_same_drawing_has_the_same_bytes() -> None:
    assert svg(line, label="a line") == svg(line, label="a line")


def test_plots_on_one_page_share_no_id_and_refer_to_their_own() -> None:
    one, other = svg(line), svg(curve)
    ids = [re.findall(r' id="([^"]+)"', text) for text in (one, other)]
    assert ids[0]
    assert ids[1]
    assert not set(ids[0]) & set(ids[1])
    for own, text in zip(ids, (one, other), strict=True):
        assert len(own) == len(set(own))
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) == set(own)


def test_a_label_is_read_aloud_and_cannot_end_its_attribute() -> None:
    text = svg(line, label='bad "<1>" & good')
    assert text.startswith('<svg role="img" aria-label="bad &quot;&lt;1&gt;&quot; &amp; good"')


def test_a_plot_brings_no_style_sheet_no_metadata_and_no_address() -> None:
    text = svg(line)
    assert "<style" not in text
    assert "<metadata" not in text
    addresses = set(re.findall(r"https?://[^\"' ]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_dollars_in_a_name_are_no_formula() -> None:
    assert "from $0 to &lt;1&gt;" in svg(line)


@given(st.floats(1e-6, 1 - 1e-6))
def test_log_odds_are_those_of_the_share(share: float) -> None:
    assert 1 / (1 + np.exp(-log_odds([share])[0])) == pytest.approx(share)


def test_log_odds_of_0_and_1_are_finite() -> None:
    assert np.isfinite(log_odds([0.0, 1.0])).all()


@given(st.floats(1e-5, 0.99), st.floats(0.5, 6.0))
def test_ticks_of_a_log_odds_axis_are_clear_of_each_other_and_inside(low: float, width: float) -> None:
    from matplotlib.figure import Figure

    start = float(log_odds([low])[0])
    high = float(1 / (1 + np.exp(-(start + width))))
    axes = Figure().add_subplot()
    share_axis(axes.xaxis, low, high, spread=True)
    left, right = axes.get_xlim()
    ticks = sorted(axes.get_xticks())
    assert left < right
    assert all(left <= tick <= right for tick in ticks), "a tick outside would widen the axis"
    assert all(gap > 0.15 * (right - left) for gap in np.diff(ticks)), "labels would overlap"


def test_a_log_odds_scale_says_that_it_is_one() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    share_scale(axes, "P(bad)", 0.001, 0.5, spread=True)
    assert axes.get_xlabel() == "P(bad), log-odds scale"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        percent(p) for p in (0.001, 0.01, 0.1, 0.5)
    ]


@given(st.text(min_size=1, max_size=200))
def test_a_short_name_fits_and_keeps_both_ends(name: str) -> None:
    short = short_name(name)
    assert len(short) <= LONGEST_NAME
    assert short[:5] == name[:5]
    assert short[-5:] == name[-5:]
