from __future__ import annotations

import json

import pytest

from service.decision_log.anchors import Anchor, read_anchors
from service.decision_log.chain import Head
from service.errors import UnreadableInput
from tests.service.decision_log.written_log import anchored, decision, verified, write

ANCHOR = Anchor(Head("5d1f", 7, bytes(range(32))), "2026-11-20T09:00:00Z")


def test_an_anchor_is_read_as_it_was_written() -> None:
    assert read_anchors([ANCHOR.to_line()], "anchors") == [ANCHOR]


def test_an_anchor_is_a_line_of_json_that_people_can_read() -> None:
    body = json.loads(ANCHOR.to_line())
    assert list(body) == ["writer", "seq", "hash", "at"]
    assert (body["seq"], body["hash"][:8]) == (7, "00010203")


def test_anchors_are_found_among_other_lines() -> None:
    lines = [
        "the service starts",
        '{"route": "/predict", "status": 200}',
        f"2026-11-20 anchor: {ANCHOR.to_line()}",
        "{ no JSON",
        "[1, 2]",
        json.dumps({**json.loads(ANCHOR.to_line()), "level": "info"}),
        "",
    ]
    assert read_anchors(lines, "service.log") == [ANCHOR, ANCHOR]


def test_a_file_without_anchors_is_refused() -> None:
    with pytest.raises(UnreadableInput) as refused:
        read_anchors(["nothing", "here"], "service.log")
    assert str(refused.value).startswith("service.log holds no anchor, a line such as")


@pytest.mark.parametrize(
    "change", [{"seq": 0}, {"seq": "7"}, {"hash": "ab"}, {"hash": "z" * 64}, {"writer": 5}]
)
def test_a_damaged_anchor_is_refused_with_its_line(change: dict[str, object]) -> None:
    damaged = json.dumps({**json.loads(ANCHOR.to_line()), **change})
    with pytest.raises(UnreadableInput) as refused:
        read_anchors(["", damaged], "anchors")
    assert str(refused.value).startswith("anchors: line 2 is a damaged anchor: it needs a writer")


def test_every_writer_has_one_head(url: str) -> None:
    writers = [write(url, map(decision, range(start, start + 4))) for start in (0, 10, 20)]
    assert {anchor.head.writer: anchor.head.seq for anchor in anchored(url)} == dict.fromkeys(writers, 4)


def test_old_and_new_anchors_in_any_order_hold_for_a_log_that_grew(url: str) -> None:
    write(url, [decision(1)])
    old = anchored(url)
    write(url, [decision(2)])
    new = anchored(url)
    found = verified(url, [*new, *old])
    assert found.holds
    assert found.anchors == 2
