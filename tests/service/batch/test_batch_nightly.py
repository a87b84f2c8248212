from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch.asked import Asked
from service.batch.nightly import for_its_day
from service.batch.verifying import verify
from service.errors import WrongUse
from service.places import Place, place_of
from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import Commands, Typed
from tests.service.batch.batch_scorers import GOOD, HEADER

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BAD = GOOD.replace("40", "12")
DAY = ("--date", "2026-11-20")


def asked(source: str = "in/{date}/", target: str = "out/{date}/", **more: str) -> Asked:
    return Asked("small_loans", source, target, date=more.get("date"), time_zone=more.get("time_zone"))


def test_every_date_is_replaced_in_any_form_of_it() -> None:
    found, day = for_its_day(asked("{date}/{date:%Y/%m}/{dat}", "x{date:%d}"), "UTC", NOON)
    assert (found.source, found.target) == ("2026-11-20/2026/11/{dat}", "x20")
    assert day == date(2026, 11, 20)


def test_a_day_that_is_given_is_that_day_in_every_zone() -> None:
    found, day = for_its_day(asked(date="2024-02-29"), "Pacific/Kiritimati", NOON)
    assert (found.source, day) == ("in/2024-02-29/", date(2024, 2, 29))


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", "2026-11-21T00:00:00+00:00", "2026-11-20"),
        ("UTC", "2026-11-20T23:59:59+00:00", "2026-11-19"),
        ("Pacific/Auckland", "2026-11-20T12:00:00+00:00", "2026-11-20"),
        ("America/Lima", "2026-11-21T04:59:00+00:00", "2026-11-19"),
        # The days on which clocks are changed, with 25 and 23 hours.
        ("Europe/Madrid", "2026-10-25T23:30:00+00:00", "2026-10-25"),
        ("Europe/Madrid", "2026-03-28T23:30:00+00:00", "2026-03-28"),
        ("UTC", "2024-03-01T10:00:00+00:00", "2024-02-29"),
    ],
)
def test_the_day_is_yesterday_where_it_is_said(zone: str, now: str, day: str) -> None:
    moment = datetime.fromisoformat(now)
    assert for_its_day(asked(), zone, moment)[1] == date.fromisoformat(day)
    assert for_its_day(asked(time_zone=zone), "UTC", moment)[1] == date.fromisoformat(day)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),
    st.sampled_from(["UTC", "Europe/Madrid", "America/Lima", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_yesterday_ended_at_the_latest_midnight(now: datetime, zone: str) -> None:
    moment = now.replace(tzinfo=UTC)
    day = for_its_day(asked(), zone, moment)[1]
    assert day is not None
    assert day + timedelta(days=1) == moment.astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"date": "20.11.2026"}, "--date '20.11.2026' is no day such as 2026-11-20"),
        ({"date": "2026-02-30"}, "--date '2026-02-30' is no day such as 2026-11-20"),
        ({"date": "20261120"}, "--date '20261120' is no day such as"),
        ({"date": "\u0662\u0660\u0662\u0666-11-20"}, "is no day such as"),
        (
            {"time_zone": "Spain"},
            "'Spain' is no time zone that is known here; name one such as Europe/Madrid",
        ),
        ({"time_zone": "../etc/passwd"}, "is no time zone that is known here"),
        (
            {"source": "in/", "target": "out/", "date": "2026-11-20"},
            "--date 2026-11-20 says nothing: there is no",
        ),
        (
            {"source": "in/", "target": "out/", "time_zone": "UTC"},
            "--time-zone UTC says nothing: there is no",
        ),
    ],
)
def test_a_day_or_zone_that_makes_no_sense_is_refused(more: dict[str, str], message: str) -> None:
    with pytest.raises(WrongUse) as refused:
        for_its_day(asked(**more), "UTC", NOON)
    assert message in str(refused.value)


@pytest.fixture(params=["local", "s3"])
def nights(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place with a folder `in` and a folder `out`, on a disk and in a bucket."""
    if request.param == "s3":
        yield place_of(f"s3://{request.getfixturevalue('bucket')}/nights")
    else:
        yield place_of(str(tmp_path))


def deliver(nights: Place, name: str, *lines: str) -> None:
    nights.write(f"in/2026-11-20/{name}", "\n".join([HEADER, *lines, ""]).encode())


def manifest_of(nights: Place) -> dict[str, list[dict[str, str]]]:
    content = nights.read("out/2026-11-20/_manifest.json")
    assert content is not None
    found: dict[str, list[dict[str, str]]] = json.loads(content)
    return found


def test_a_night_is_scored_when_its_files_are_there_and_late_ones_by_the_next_run(
    typed: Typed, nights: Place
) -> None:
    night = (f"{nights.uri}/in/{{date}}/", f"{nights.uri}/out/{{date}}/", *DAY)
    early = typed(*night)
    assert (early.code, early.output) == (3, "")
    assert f"{nights.uri}/in/2026-11-20/: no file to score is there yet; look again later" in early.errors
    deliver(nights, "first.csv", GOOD, BAD)
    done = typed(*night)
    assert (done.code, done.errors) == (0, "")
    assert "day          2026-11-20" in done.output
    again = typed(*night)
    assert again.output == (
        f"nothing new to score: {nights.uri}/out/2026-11-20/ holds all 2 rows of 1 input\n"
    )
    deliver(nights, "late.csv", GOOD, GOOD, GOOD)
    late = typed(*night)
    assert "this run     3 rows of 1 input; what follows is of 2 runs" in late.output
    assert "rows in      5 of 2 inputs" in late.output
    assert [item["name"] for item in manifest_of(nights)["inputs"]] == ["first.csv", "late.csv"]
    assert verify(f"{nights.uri}/out/2026-11-20/", [f"{nights.uri}/in/2026-11-20/"]).differences == ()


def test_a_single_file_of_a_day_may_be_late_too(typed: Typed, tmp_path: Path) -> None:
    night = (f"{tmp_path}/in-{{date}}.csv", f"{tmp_path}/out-{{date}}.csv", *DAY)
    assert typed(*night).code == 3
    (tmp_path / "in-2026-11-20.csv").write_text("\n".join([HEADER, GOOD]))
    assert typed(*night).code == 0
    assert (tmp_path / "out-2026-11-20.csv").exists()


def test_what_was_scored_stays_when_another_model_is_promoted_and_late_files_get_the_new_one(
    typed: Typed, nights: Place, scorer: Scorer, tree_scorer: Scorer
) -> None:
    night = (f"{nights.uri}/in/{{date}}/", f"{nights.uri}/out/{{date}}/", *DAY)
    deliver(nights, "first.csv", GOOD)
    typed(*night)
    before = nights.read("out/2026-11-20/first.csv-00000.parquet")
    assert typed(*night, scorer=tree_scorer).output.startswith("nothing new to score")
    deliver(nights, "late.csv", GOOD)
    assert typed(*night, scorer=tree_scorer).code == 0
    assert nights.read("out/2026-11-20/first.csv-00000.parquet") == before
    runs = manifest_of(nights)["runs"]
    assert [run["model"] for run in runs] == [scorer.tag, tree_scorer.tag]
    assert verify(f"{nights.uri}/out/2026-11-20/_manifest.json").differences == ()


def test_a_file_that_was_scored_and_is_another_now_is_refused_by_name(typed: Typed, nights: Place) -> None:
    night = (f"{nights.uri}/in/{{date}}/", f"{nights.uri}/out/{{date}}/", *DAY)
    deliver(nights, "first.csv", GOOD)
    typed(*night)
    deliver(nights, "first.csv", GOOD, GOOD)
    said = typed(*night)
    assert said.code == 2
    assert "first.csv has been scored into" in said.errors
    assert "another file now" in said.errors


def test_the_same_command_twice_at_once_leaves_one_whole_output(
    commands: Commands, nights: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdef":
        deliver(nights, f"{name}.csv", *[GOOD] * 200)
    night = (f"{nights.uri}/in/{{date}}/", f"{nights.uri}/out/{{date}}/", *DAY)
    environment = _s3_environment()
    both = [commands.start(*night, **environment) for _ in range(2)]
    said = [(process.communicate(timeout=120), process.returncode) for process in both]
    codes = sorted(code for _, code in said)
    assert codes in ([0, 0], [0, 5]), said
    for (_, errors), code in said:
        assert (b"another run is writing here" in errors) == (code == 5)
    done = verify(f"{nights.uri}/out/2026-11-20/")
    assert done.differences == ()
    assert done.manifest.tally.rows_in == 1_200
    assert len(done.manifest.runs) == 1


def _s3_environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
