from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from service.access.addresses import bound_address, check_address, is_loopback
from service.errors import WrongUse
from tests.processes import PROGRAMS, Home, free_port


def master(host: str | None, settings_host: str) -> str | None:
    """Return what the service learns while `bentoml serve --host` imports it."""
    with click.Context(click.Command("serve")) as context:
        context.params = {"host": host, "port": None}
        return bound_address(settings_host)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104  # what must be noticed
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    address: str = request.param
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if ":" in address and not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    with socket.socket(family) as found:
        found.bind((address, 0))
        yield address, found.fileno()


def test_a_worker_knows_its_address_from_the_socket_that_it_inherited(listener: tuple[str, int]) -> None:
    address, number = listener
    with click.Context(click.Command("worker")) as context:
        context.params = {"fd": number}
        assert bound_address("10.0.0.1") == address
    assert socket.socket(fileno=number).detach() == number, "the socket was closed"


def test_a_socket_in_the_file_system_has_no_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as found, click.Context(click.Command("worker")) as context:
        found.bind(str(tmp_path / "s"))
        context.params = {"fd": found.fileno()}
        assert bound_address("10.0.0.1") is None


def test_the_master_knows_it_from_its_option_and_else_from_the_settings() -> None:
    assert master("10.0.0.1", "127.0.0.1") == "10.0.0.1"
    assert master(None, "10.0.0.2") == "10.0.0.2"


def test_outside_of_a_server_nothing_is_refused() -> None:
    assert bound_address("0.0.0.0") is None  # noqa: S104
    with click.Context(click.Command("build")):
        check_address("0.0.0.0", has_keys=False, without_keys=False)  # noqa: S104


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "::1%lo"]
)
def test_loopback_is_reached_by_this_machine_alone(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "10.0.0.1", "::", "::ffff:10.0.0.1", "fe80::1%eth0", "portal", ""],  # noqa: S104
)
def test_any_other_address_counts_as_reachable(address: str) -> None:
    assert not is_loopback(address)


def check(host: str, has_keys: bool = False, without_keys: bool = False) -> None:
    with click.Context(click.Command("serve")) as context:
        context.params = {"host": host}
        check_address("127.0.0.1", has_keys, without_keys)


def test_without_keys_only_loopback_is_served() -> None:
    check("127.0.0.1")
    with pytest.raises(WrongUse) as refused:
        check("0.0.0.0")  # noqa: S104
    assert str(refused.value) == (
        "0.0.0.0 can be reached by other machines, and no API keys are set; make one "
        "(aval keys create NAME --file keys.json) and set AVAL_API_KEYS=keys.json, "
        "or listen on 127.0.0.1, or let everybody ask with AVAL_WITHOUT_KEYS=yes"
    )


def test_with_keys_or_told_so_explicitly_every_address_is_served() -> None:
    check("10.0.0.1", has_keys=True)
    check("10.0.0.1", without_keys=True)


def test_bentoml_serve_without_keys_ends_at_once_on_another_address(tmp_path: Path) -> None:
    environment = Home(tmp_path).environment(AVAL_MODEL="credit_risk")
    command = [str(PROGRAMS / "bentoml"), "serve", "service.app:RiskService", "--port", str(free_port())]
    done = subprocess.run(
        [*command, "--host", "0.0.0.0"],  # noqa: S104  # what must be refused
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "aval: error: 0.0.0.0 can be reached by other machines, and no API keys are set" in done.stderr
