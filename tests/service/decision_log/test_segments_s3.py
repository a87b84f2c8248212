from __future__ import annotations

from pathlib import Path

import pytest

from service.decision_log.entries import Part
from service.decision_log.erasure import Erased, Wish
from service.decision_log.retention import Retention
from service.decision_log.scribe import writing
from service.decision_log.segments.erasing import erase_decisions, finish, retain_segments
from service.decision_log.segments.records import find_decision
from service.decision_log.segments.registering import publish
from service.decision_log.segments.subjects import find_batch_abouts
from service.decision_log.segments.verify import verify_segments
from service.decision_log.verify import Verification
from service.places import place_of
from service.replay import Asked, replay_segments
from tests.moto import Moto, flaky_line
from tests.service.decision_log.segment_logs import SCORER, Kept, make, records
from tests.service.decision_log.written_log import BEGIN, MINUTE

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
SCORED = 38


def kept_in(uri: str, tmp_path: Path) -> Kept:
    """A log whose two segments are in a bucket."""
    kept = Kept(f"sqlite:///{tmp_path / 'log.db'}", place_of(uri))
    made = [make(tmp_path, ONE), make(tmp_path, TWO, records(seed=8))]
    assert publish(kept.url, kept.place, [item.publication for item in made], BEGIN) == 2
    return kept


def verified(kept: Kept) -> Verification:
    """Verify the segments of a log."""
    done = Verification()
    verify_segments(kept.store, done)
    return done


def test_segments_live_in_a_bucket_as_in_a_folder(bucket: str, moto_s3: Moto, tmp_path: Path) -> None:
    kept = kept_in(f"s3://{bucket}/segments", tmp_path)
    assert verified(kept).holds
    assert replay_segments(kept.store, Asked(), lambda *_: SCORER).same == 2 * SCORED
    (found,) = find_batch_abouts(kept.store, [{"case": "c4"}])
    with writing(kept.url, "tests", BEGIN) as scribe:
        wish = Wish(sorted(found), tuple(Part), "asked", "tests", BEGIN)
        assert erase_decisions(kept.store, scribe, wish) == Erased(2, 4)
        retention = Retention({Part.PERSONAL: BEGIN + MINUTE}, "cron", BEGIN)
        assert retain_segments(kept.store, scribe, retention) == {"personal": 2 * (SCORED - 1)}
    shown = find_decision(kept.store, f"{ONE}-5")
    assert shown is not None
    assert shown.decision.erased == tuple(Part)
    done = verified(kept)
    assert done.holds, done.listed
    assert {key for key in moto_s3.contents(bucket) if key.endswith(".parquet")} == {
        f"segments/{item.name}" for item in kept.segments()
    }


def test_an_altered_and_a_stray_object_are_named(bucket: str, moto_s3: Moto, tmp_path: Path) -> None:
    kept = kept_in(f"s3://{bucket}/segments", tmp_path)
    (first, _) = kept.segments()
    client = moto_s3.client()
    client.put_object(Bucket=bucket, Key=f"segments/{first.name}", Body=b"PAR1")
    client.put_object(Bucket=bucket, Key="segments/stray", Body=b"")
    assert {item.what for item in verified(kept).listed} == {
        f"s3://{bucket}/segments/{first.name} is not the file that the log has as segment {first.id}",
        f"s3://{bucket}/segments/stray is the file of no segment: it was put there",
    }


def test_a_line_on_which_requests_fail_changes_nothing(
    bucket: str, moto_s3: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flaky_line(moto_s3.url, 0.15, seed=3) as line:
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
        kept = kept_in(f"s3://{bucket}/segments", tmp_path)
        with writing(kept.url, "tests", BEGIN) as scribe:
            wish = Wish([f"{ONE}-5"], tuple(Part), "asked", "tests", BEGIN)
            assert erase_decisions(kept.store, scribe, wish) == Erased(1, 2)
        assert finish(kept.store) == []
        done = verified(kept)
    assert done.holds, done.listed
    assert line.counts.total() > line.counts["passed"]
