"""Commands about API keys: keys create, list, revoke, rotate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from service.access.key_file import changing_keys, read_keys
from service.access.keys import SCOPES, ApiKey, digest_of, key_of, new_id, new_secret
from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson
from training.console import OUT, say, say_json

keys_app = typer.Typer(
    no_args_is_help=True, help="API keys of the online service: it reads their file again when it changes."
)

KeyFile = Annotated[Path | None, typer.Option("--file", help="the file of keys; default: AVAL_API_KEYS")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="an id that `aval keys list` shows")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="how long it is valid, such as 90d or 12h")]


@keys_app.command()
def create(  # noqa: PLR0913, PLR0917  # each option is one thing that a key may be made with
    name: Annotated[str, typer.Argument(metavar="NAME", help="who or what it is for")],
    scope: Annotated[list[str], typer.Option(help=f"what it opens, once or more: {', '.join(SCOPES)}")],
    expires: Expires = None,
    rate: Annotated[float | None, typer.Option(help="requests per second that it may make")] = None,
    burst: Annotated[
        int | None, typer.Option(help="requests that it may make at once; default: --rate")
    ] = None,
    file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show its secret, this once: the file keeps only its hash."""
    if burst is not None and rate is None:
        raise WrongUse(f"--burst {burst} is for a key with a rate; give --rate too")
    now, secret = _now(), new_secret()
    until = None if expires is None else now + _duration("--expires", expires)
    key = ApiKey(new_id(), name, digest_of(secret), tuple(scope), now, until, rate, burst)
    path = _path(file)
    with changing_keys(path) as keys:
        keys.append(key_of(key.to_json()))
    _say_secret(key, secret, path, as_json)


@keys_app.command("list")
def list_keys(file: KeyFile = None, as_json: AsJson = False) -> None:
    """The keys of the file: what each opens, until when, and how often it may ask; never a secret."""
    rows = [_row(key) for key in read_keys(_path(file))]
    if as_json:
        say_json(rows)
    else:
        _say_keys(rows)


@keys_app.command()
def revoke(key_id: KeyId, file: KeyFile = None, as_json: AsJson = False) -> None:
    """Have a key refused from now on; its entry stays, so that old decisions can be told who asked for them."""
    path = _path(file)
    with changing_keys(path) as keys:
        place = _find(keys, key_id, path)
        now = _now()
        changed = not keys[place].expired(now)
        if changed:
            keys[place] = replace(keys[place], expires_at=now)
    if as_json:
        say_json({"id": key_id, "changed": changed})
    else:
        say(f"{key_id} {'is refused from now on' if changed else 'was refused already'}")


@keys_app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(metavar="TIME", help="how long the old secret stays valid")] = "24h",
    expires: Expires = None,
    file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key like another one with a new secret; the old one stays valid for the overlap.

    The new one is valid as long as the old one was to be, unless --expires says otherwise.
    """
    path, now, secret = _path(file), _now(), new_secret()
    ends = now + _duration("--overlap", overlap)
    with changing_keys(path) as keys:
        place = _find(keys, key_id, path)
        old = keys[place]
        _check_rotates(old, now)
        until = _until(old, now, expires)
        key = replace(old, id=new_id(), sha256=digest_of(secret), created_at=now, expires_at=until)
        ended = replace(old, expires_at=min(old.expires_at or ends, ends), replaced_by=key.id)
        keys[place] = ended
        keys.append(key)
    _say_secret(key, secret, path, as_json)
    if not as_json:
        lasts = f"stays valid until {ended.expires_at:%Y-%m-%d %H:%M} UTC"
        say(f"{key_id} {'is refused from now on' if ended.expired(now) else lasts}")


def _path(file: Path | None) -> Path:
    path = file or Settings.from_environment().api_keys
    if path is None:
        raise WrongUse("no file of keys is named; give --file FILE, or set AVAL_API_KEYS as for the service")
    return path


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _check_rotates(key: ApiKey, now: datetime) -> None:
    anew = f"make a new one: aval keys create {key.name!r}"
    if key.replaced_by is not None:
        # What is left of it is the overlap, which says nothing of how long the next one is to last.
        raise WrongUse(
            f"{key.id} was rotated already; rotate the key that replaced it, {key.replaced_by}, or {anew}"
        )
    if key.expired(now):
        raise WrongUse(f"{key.id} is no longer valid; {anew}")


def _until(old: ApiKey, now: datetime, expires: str | None) -> datetime | None:
    if expires is not None:
        return now + _duration("--expires", expires)
    return None if old.expires_at is None else now + (old.expires_at - old.created_at)


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MOST_DAYS = 3660


def _duration(option: str, text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    lasts = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta.max
    if lasts.days > _MOST_DAYS:
        raise WrongUse(f"{option} {text!r} is not a time such as 90d, 12h or 30m, and at most {_MOST_DAYS}d")
    return lasts


def _find(keys: Sequence[ApiKey], key_id: str, path: Path) -> int:
    ids = [key.id for key in keys]
    if key_id not in ids:
        raise WrongUse(f"{path} has no key {key_id!r}; it has: {', '.join(ids) or 'none'}")
    return ids.index(key_id)


def _say_secret(key: ApiKey, secret: str, path: Path, as_json: bool) -> None:
    if as_json:
        say_json({**_row(key), "secret": secret, "file": str(path)})
        return
    until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
    say(f"{key.id} for {key.name}: {', '.join(key.scopes)}; valid {until}")
    say(f"secret, shown only now: {secret}")


def _row(key: ApiKey) -> dict[str, Any]:
    entry = key.to_json()
    del entry["sha256"]
    return {**entry, "valid": not key.expired(_now())}


def _say_keys(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("id", "name", "scopes", "created", "expires", "per second", "", box=SIMPLE)
    for row in rows:
        rate = row["requests_per_second"]
        table.add_row(
            row["id"],
            escape(row["name"]),
            ", ".join(row["scopes"]),
            row["created_at"][:10],
            (row["expires_at"] or "-")[:16].replace("T", " "),
            "-" if rate is None else f"{rate:g}",
            "valid" if row["valid"] else "refused",
        )
    OUT.print(table)
