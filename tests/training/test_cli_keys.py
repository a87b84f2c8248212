from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.access.key_file import KeyRing, changing_keys, read_keys
from service.errors import AvalError, WrongUse
from training.cli.keys import keys_app


@dataclass(frozen=True)
class Desk:
    """A file of keys, and the commands."""

    file: Path

    def say(self, *arguments: str) -> str:
        done = CliRunner().invoke(keys_app, [*arguments, "--file", str(self.file)])
        if isinstance(done.exception, AvalError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def create(self, *options: str) -> dict[str, Any]:
        made: dict[str, Any] = self.json("create", "portal", "--scope", "predict", *options)
        return made

    def valid(self, secret: str) -> bool:
        found = KeyRing(self.file).find(secret.encode())
        return found is not None and not found.expired(datetime.now(UTC))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "keys.json")


def refusal(desk: Desk, *arguments: str) -> str:
    before = desk.file.read_bytes() if desk.file.exists() else None
    with pytest.raises(WrongUse) as refused:
        desk.say(*arguments)
    assert (desk.file.read_bytes() if desk.file.exists() else None) == before
    return str(refused.value)


def age(desk: Desk, by: timedelta) -> None:
    """Make every key older."""
    with changing_keys(desk.file) as keys:
        keys[:] = [
            replace(key, created_at=key.created_at - by, expires_at=key.expires_at and key.expires_at - by)
            for key in keys
        ]


def test_a_new_key_shows_its_secret_once_and_keeps_only_its_hash(desk: Desk) -> None:
    shown = desk.say("create", "the portal", "--scope", "predict", "--scope", "read")
    secret = shown.split()[-1]
    assert secret.startswith("aval_")
    assert "for the portal: predict, read; valid until it is revoked" in shown
    assert desk.valid(secret)
    assert secret not in desk.file.read_text()
    assert secret not in desk.say("list") + desk.say("list", "--json")
    assert desk.file.stat().st_mode & 0o777 == 0o600


def test_a_key_has_the_scopes_the_end_and_the_rate_that_were_asked_for(desk: Desk) -> None:
    made = desk.create("--scope", "outcomes", "--expires", "90d", "--rate", "50", "--burst", "200")
    (key,) = read_keys(desk.file)
    assert key.id == made["id"]
    assert key.scopes == ("predict", "outcomes")
    assert key.expires_at == key.created_at + timedelta(days=90)
    assert (key.requests_per_second, key.burst) == (50, 200)


def test_keys_are_listed_with_whether_they_are_valid(desk: Desk) -> None:
    desk.create("--expires", "12h")
    desk.create("--rate", "2.5")
    age(desk, timedelta(hours=13))
    old, new = desk.json("list")
    assert (old["valid"], new["valid"]) == (False, True)
    assert new["requests_per_second"] == 2.5
    assert "sha256" not in old
    shown = desk.say("list")
    assert all(word in shown for word in (old["id"], new["id"], "refused", "valid", "2.5", "portal"))


def test_a_revoked_key_is_refused_at_once_and_stays_listed(desk: Desk) -> None:
    made, other = desk.create(), desk.create()
    assert desk.say("revoke", made["id"]) == f"{made['id']} is refused from now on\n"
    assert (desk.valid(made["secret"]), desk.valid(other["secret"])) == (False, True)
    assert [row["valid"] for row in desk.json("list")] == [False, True]
    assert desk.json("revoke", made["id"]) == {"id": made["id"], "changed": False}


def test_a_rotated_key_has_a_new_secret_and_the_old_one_lasts_through_the_overlap(desk: Desk) -> None:
    old = desk.create("--scope", "read", "--rate", "7")
    new = desk.json("rotate", old["id"])
    assert desk.valid(old["secret"])
    assert desk.valid(new["secret"])
    assert new["id"] != old["id"]
    assert (new["name"], new["scopes"], new["requests_per_second"]) == ("portal", ["predict", "read"], 7)
    assert new["expires_at"] is None
    age(desk, timedelta(hours=25))
    assert (desk.valid(old["secret"]), desk.valid(new["secret"])) == (False, True)


def test_without_an_overlap_the_old_secret_ends_at_once(desk: Desk) -> None:
    old = desk.create()
    shown = desk.say("rotate", old["id"], "--overlap", "0h")
    assert f"{old['id']} is refused from now on" in shown
    assert not desk.valid(old["secret"])


def test_a_rotated_key_lasts_as_long_as_the_old_one_was_to_or_as_told(desk: Desk) -> None:
    old = desk.create("--expires", "30d")
    age(desk, timedelta(days=29))
    first = desk.json("rotate", old["id"])
    made = read_keys(desk.file)[1]
    assert made.expires_at == made.created_at + timedelta(days=30)
    second = desk.json("rotate", first["id"], "--expires", "5d")
    key = next(key for key in read_keys(desk.file) if key.id == second["id"])
    assert key.expires_at == key.created_at + timedelta(days=5)


def test_a_key_is_rotated_once_and_the_key_in_its_place_then(desk: Desk) -> None:
    old = desk.create()
    shown = desk.say("rotate", old["id"])
    assert f"{old['id']} stays valid until" in shown
    new = read_keys(desk.file)[1]
    told = refusal(desk, "rotate", old["id"])
    assert told == (
        f"{old['id']} was rotated already; rotate the key that replaced it, {new.id}, "
        "or make a new one: aval keys create 'portal'"
    )
    assert desk.json("rotate", new.id)["expires_at"] is None


def test_an_overlap_makes_no_key_last_longer_than_it_was_to(desk: Desk) -> None:
    old = desk.create("--expires", "1h")
    desk.json("rotate", old["id"], "--overlap", "24h")
    first, _ = read_keys(desk.file)
    assert first.expires_at == first.created_at + timedelta(hours=1)


def test_a_key_that_is_no_longer_valid_is_not_rotated(desk: Desk) -> None:
    old = desk.create()
    desk.say("revoke", old["id"])
    told = refusal(desk, "rotate", old["id"])
    assert told == f"{old['id']} is no longer valid; make a new one: aval keys create 'portal'"


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_id_that_is_not_there_is_answered_with_those_that_are(desk: Desk, command: str) -> None:
    made = desk.create()
    assert refusal(desk, command, "key-0") == f"{desk.file} has no key 'key-0'; it has: {made['id']}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--scope", "admin"),
            "scopes=['predict', 'admin'] must be a list of one or more of: predict, outcomes, batch, read",
        ),
        (("--scope", "predict"), "scopes=['predict', 'predict'] must be"),
        (("--expires", "soon"), "--expires 'soon' is not a time such as 90d, 12h or 30m"),
        (
            ("--expires", "99999d"),
            "--expires '99999d' is not a time such as 90d, 12h or 30m, and at most 3660d",
        ),
        (("--rate", "0"), "requests_per_second=0.0 must be a number above 0"),
        (("--rate", "5", "--burst", "0"), "burst=0 must be a whole number from 1"),
        (("--burst", "5"), "--burst 5 is for a key with a rate; give --rate too"),
    ],
)
def test_impossible_keys_are_refused_and_nothing_is_written(
    desk: Desk, options: Sequence[str], message: str
) -> None:
    assert message in refusal(desk, "create", "portal", "--scope", "predict", *options)


def test_a_damaged_file_is_not_written_over(desk: Desk) -> None:
    desk.file.write_text("{")
    assert "is damaged: it is not JSON" in refusal(desk, "create", "portal", "--scope", "read")


def test_the_file_is_the_services_own_unless_another_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVAL_API_KEYS", str(desk.file))
    assert CliRunner().invoke(keys_app, ["create", "portal", "--scope", "read"]).exit_code == 0
    assert len(read_keys(desk.file)) == 1
    monkeypatch.delenv("AVAL_API_KEYS")
    done = CliRunner().invoke(keys_app, ["list"])
    assert str(done.exception) == (
        "no file of keys is named; give --file FILE, or set AVAL_API_KEYS as for the service"
    )
