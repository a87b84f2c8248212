"""Where the service listens, and whether it may do so without keys."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import click

from service.errors import WrongUse


def check_address(settings_host: str, has_keys: bool, without_keys: bool) -> None:
    """Refuse to serve without keys where other machines reach; raises `WrongUse`.

    To be called while the service is imported: BentoML does that inside its own commands, the master's with a host
    and each worker's with the socket that it inherited. Outside of a server nothing is refused.
    """
    address = bound_address(settings_host)
    if has_keys or without_keys or address is None or is_loopback(address):
        return
    raise WrongUse(
        f"{address} can be reached by other machines, and no API keys are set; "
        "make one (aval keys create NAME --file keys.json) and set AVAL_API_KEYS=keys.json, "
        "or listen on 127.0.0.1, or let everybody ask with AVAL_WITHOUT_KEYS=yes"
    )


def bound_address(settings_host: str) -> str | None:
    """Return the address that the server of this process listens on or will, None where it is no server."""
    listener = inherited_listener()
    if listener is not None:
        return _address_of(listener)
    given = _options()
    return given["host"] or settings_host if "host" in given else None


def inherited_listener() -> int | None:
    """Return the number of the socket that this worker inherited from its master, None where it is no worker."""
    found = _options().get("fd")
    return found if isinstance(found, int) else None


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches an address; a name that is no number counts as reachable."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address == "localhost"
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _options() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    return context.params if context else {}


def _address_of(listener: int) -> str | None:
    with socket.socket(fileno=os.dup(listener)) as found:
        # A socket in the file system has rights of its own, and no address.
        return None if found.family == socket.AF_UNIX else str(found.getsockname()[0])
