from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.keys import (
    SCOPES,
    ApiKey,
    digest_of,
    key_of,
    keys_json,
    new_id,
    new_secret,
    parse_keys,
)
from service.errors import WrongUse

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SECRET = "aval_the-secret-itself"
ENTRY = {
    "id": "key-1",
    "name": "portal",
    "sha256": digest_of(SECRET),
    "scopes": ["predict"],
    "created_at": "2026-11-21T10:00:00+00:00",
    "expires_at": None,
    "requests_per_second": None,
    "burst": None,
}


def refusal(entry: Any) -> str:
    with pytest.raises(WrongUse) as refused:
        parse_keys(json.dumps({"keys": [entry]}).encode())
    return str(refused.value)


def test_a_secret_has_a_recognisable_prefix_and_256_random_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {secret[:5] for secret in secrets} == {"aval_"}
    assert {len(secret) for secret in secrets} == {5 + 43}, "43 characters of base64 hold 256 bits"


def test_an_id_is_not_made_of_the_secret() -> None:
    assert new_id() != new_id()
    assert new_id().startswith("key-")


@given(
    st.builds(
        ApiKey,
        st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
        st.text(
            st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1
        ).map(lambda text: text[:100]),
        st.text().map(digest_of),
        st.sets(st.sampled_from(SCOPES), min_size=1).map(lambda found: tuple(sorted(found))),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
            lambda at: at.replace(microsecond=0, tzinfo=UTC)
        ),
        st.none() | st.just(NOW),
        st.none() | st.floats(0.001, 1_000_000),
        st.none() | st.integers(1, 1_000_000),
        st.none() | st.just("key-2"),
    )
)
def test_every_key_is_read_as_it_was_written(key: ApiKey) -> None:
    assert parse_keys(keys_json([key])) == (key,)


def test_what_may_be_left_out_is_without_bound() -> None:
    needed = ("id", "name", "sha256", "scopes", "created_at")
    key = key_of({name: ENTRY[name] for name in needed})
    assert (key.expires_at, key.requests_per_second, key.burst) == (None, None, None)


def test_a_key_is_refused_from_the_moment_it_expires() -> None:
    key = key_of({**ENTRY, "expires_at": NOW.isoformat()})
    assert not key.expired(NOW - timedelta(seconds=1))
    assert key.expired(NOW)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("id", "key 1", "keys[0].id='key 1' must be 1 to 64 letters, digits, dots, dashes and underscores"),
        ("name", "", "keys[0].name='' must be 1 to 100 characters on one line"),
        ("name", "a\nb", r"keys[0].name='a\nb' must be 1 to 100 characters on one line"),
        (
            "scopes",
            ["admin"],
            "keys[0].scopes=['admin'] must be a list of one or more of: predict, outcomes, batch, read",
        ),
        ("scopes", [], "keys[0].scopes=[] must be a list of one or more of"),
        ("scopes", "read", "keys[0].scopes='read' must be a list of one or more of"),
        ("scopes", [["read"]], "keys[0].scopes=[['read']] must be a list"),
        ("created_at", "today", "keys[0].created_at='today' must be a time with its zone"),
        (
            "expires_at",
            "2027-01-31T00:00:00",
            "keys[0].expires_at='2027-01-31T00:00:00' must be a time with its zone",
        ),
        (
            "expires_at",
            "9999-12-31T23:59:59-05:00",
            "keys[0].expires_at='9999-12-31T23:59:59-05:00' must be a",
        ),
        ("created_at", "0001-01-01T00:00:00+05:00", "keys[0].created_at='0001-01-01T00:00:00+05:00' must be"),
        ("replaced_by", "key 1", "keys[0].replaced_by='key 1' must be 1 to 64 letters"),
        ("requests_per_second", 0, "keys[0].requests_per_second=0 must be a number above 0"),
        ("requests_per_second", True, "keys[0].requests_per_second=True must be a number above 0"),
        ("requests_per_second", float("nan"), "keys[0].requests_per_second=nan must be a number above 0"),
        ("burst", 1.5, "keys[0].burst=1.5 must be a whole number from 1"),
        ("burst", 0, "keys[0].burst=0 must be a whole number from 1"),
    ],
)
def test_a_wrong_value_is_refused_with_field_value_and_what_is_allowed(
    field: str, value: Any, message: str
) -> None:
    assert message in refusal({**ENTRY, field: value})


def test_a_secret_in_the_place_of_its_hash_is_not_repeated() -> None:
    told = refusal({**ENTRY, "sha256": SECRET})
    assert told == "keys[0].sha256 must be the SHA-256 of the secret, 64 hex digits, and never the secret"


def test_a_field_that_does_not_exist_is_named_without_its_value() -> None:
    told = refusal({**ENTRY, "secret": SECRET})
    assert told.startswith("keys[0].secret is not one of: id, name, sha256")
    assert SECRET not in told


def test_a_missing_field_is_named() -> None:
    assert refusal({"id": "key-1"}) == "keys[0].name is missing; it must be 1 to 100 characters on one line"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": [], "more": 1}',
        b'{"keys": [1]}',
    ],
)
def test_what_is_no_file_of_keys_is_refused(content: bytes) -> None:
    with pytest.raises(WrongUse, match=r"not JSON|must be"):
        parse_keys(content)


@pytest.mark.parametrize(("field", "value"), [("id", "key-1"), ("sha256", digest_of(SECRET))])
def test_two_keys_with_the_same_id_or_secret_are_refused(field: str, value: str) -> None:
    other = {**ENTRY, "id": "key-2", "sha256": digest_of("other"), field: value}
    with pytest.raises(WrongUse, match=f"the {field} '{value}' stands 2 times"):
        parse_keys(json.dumps({"keys": [ENTRY, other]}).encode())
