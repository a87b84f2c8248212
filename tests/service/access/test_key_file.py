from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.access.key_file import KeyRing, changing_keys, read_keys
from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from service.errors import WrongUse

CHECKOUT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def key(secret: str, **fields: object) -> ApiKey:
    made = ApiKey(new_id(), "portal", digest_of(secret), ("predict",), NOW)
    return replace(made, **fields)  # type: ignore[arg-type]  # whatever a test changes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(keys_json([key("old")]))
    return path


def found(ring: KeyRing, *secrets: str) -> list[bool]:
    return [ring.find(secret.encode()) is not None for secret in secrets]


def put(file: Path, content: bytes) -> None:
    scratch = file.with_suffix(".new")
    scratch.write_bytes(content)
    scratch.replace(file)


def test_a_key_is_found_by_its_secret_alone(file: Path) -> None:
    ring = KeyRing(file)
    (stored,) = read_keys(file)
    assert ring.find(b"old") == stored
    assert found(ring, "", "Old", "old ", stored.sha256, stored.id) == [False] * 5


def test_a_changed_file_is_in_force_within_a_second_and_without_a_restart(file: Path) -> None:
    clock = Clock()
    ring = KeyRing(file, clock)
    put(file, keys_json([key("new")]))
    clock.time += 0.9
    assert found(ring, "old", "new") == [True, False]
    clock.time += 0.2
    assert found(ring, "old", "new") == [False, True]


def test_the_file_is_looked_at_once_a_second_at_most(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), []
    ring = KeyRing(file, clock)
    stat = Path.stat

    def counting(path: Path, **options: bool) -> os.stat_result:
        looks.append(path)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", counting)
    for _ in range(1000):
        clock.time += 0.01
        ring.find(b"old")
    assert 9 <= len(looks) <= 10


@pytest.mark.parametrize("damage", [b"", b'{"keys": [', b'{"keys": [{}]}', None])
def test_a_damaged_or_vanished_file_keeps_the_last_good_keys_and_says_so_once(
    file: Path, caplog: pytest.LogCaptureFixture, damage: bytes | None
) -> None:
    clock = Clock()
    ring = KeyRing(file, clock)
    if damage is None:
        file.unlink()
    else:
        put(file, damage)
    for _ in range(3):
        clock.time += 2
        assert found(ring, "old") == [True]
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert str(file) in line.getMessage()
    assert "the keys read before stay in force" in line.getMessage()
    put(file, keys_json([key("mended")]))
    clock.time += 2
    assert found(ring, "old", "mended") == [False, True]


@pytest.mark.parametrize("damage", [b"", b'{"keys": [{}]}', None])
def test_at_the_start_a_damaged_or_missing_file_is_refused(file: Path, damage: bytes | None) -> None:
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    with pytest.raises(WrongUse) as refused:
        KeyRing(file)
    assert f"the file of API keys {file} " in str(refused.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"No such file or directory.*run: aval keys create NAME --file"):
        read_keys(tmp_path / "none.json")


# Changing


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "keys.json"
    with changing_keys(path) as keys:
        keys.append(key("new"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_keys(path)) == 1


def test_an_existing_file_keeps_its_mode(file: Path) -> None:
    file.chmod(0o640)
    with changing_keys(file) as keys:
        keys.clear()
    assert file.stat().st_mode & 0o777 == 0o640


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(file: Path) -> None:
    before = file.read_bytes()
    with suppress(ZeroDivisionError), changing_keys(file) as keys:
        keys.append(key(str(1 / 0)))
    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} == {"keys.json", ".keys.json.lock"}


def test_a_damaged_file_is_not_written_over(file: Path) -> None:
    file.write_bytes(b"{")
    with pytest.raises(WrongUse, match="is damaged"), changing_keys(file):
        raise AssertionError("a damaged file was opened for changes")
    assert file.read_bytes() == b"{"


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    with changing_keys(link) as keys:
        keys.append(key("second"))
    assert link.is_symlink()
    assert len(read_keys(file)) == 2


def test_of_changes_by_several_processes_at_once_none_is_lost(file: Path) -> None:
    program = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from service.access.key_file import changing_keys
from service.access.keys import ApiKey, digest_of, new_id, new_secret
for _ in range(10):
    with changing_keys(Path(sys.argv[1])) as keys:
        keys.append(ApiKey(new_id(), "portal", digest_of(new_secret()), ("read",), datetime.now(UTC)))
"""
    command = [sys.executable, "-c", program, str(file)]
    running = [subprocess.Popen(command, cwd=CHECKOUT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert len(read_keys(file)) == 1 + 3 * 10


def test_the_file_never_holds_a_secret(tmp_path: Path) -> None:
    secret = new_secret()
    with changing_keys(tmp_path / "keys.json") as keys:
        keys.append(key(secret))
    content = (tmp_path / "keys.json").read_text()
    assert secret not in content
    assert json.loads(content)["keys"][0]["sha256"] == digest_of(secret)
