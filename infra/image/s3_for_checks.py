"""An S3 on this machine that containers reach, where the tests' environment has one (moto); and a client for it."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from infra.image.engine_calls import docker

KEYS = {"AWS_ACCESS_KEY_ID": "checks", "AWS_SECRET_ACCESS_KEY": "checks", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket in it. options: what a container is started with, to find it."""

    name: str
    options: tuple[str, ...]
    client: Any

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def manifest(self, under: str) -> dict[str, Any]:
        """Return the manifest of the run that wrote there, empty where none did."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=under).get("Contents", ())
        keys = [entry["Key"] for entry in found if entry["Key"].endswith("manifest.json")]
        if not keys:
            return {}
        content = self.client.get_object(Bucket=self.name, Key=keys[0])["Body"].read()
        manifest: dict[str, Any] = json.loads(content)
        return manifest


def why_not() -> str | None:
    """Return why there cannot be one, None if there can."""
    if importlib.util.find_spec("moto") is None:
        return "moto is not installed here; `make test` installs it"
    return None if _gateway() else "the engine's containers have no way to this machine"


@contextmanager
def s3_bucket(name: str) -> Iterator[Bucket]:
    """Start it on the containers' side of this machine alone; it is gone afterwards."""
    import boto3

    host, port = _gateway(), _free_port(_gateway())
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(host, port)
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=KEYS["AWS_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=name)
        told = {**KEYS, "AWS_ENDPOINT_URL": url}
        yield Bucket(name, tuple(f"--env={key}={value}" for key, value in told.items()), client)
    finally:
        server.terminate()
        server.wait()


def _gateway() -> str:
    """Return this machine's address on the containers' network, empty where that is another machine's."""
    template = "{{range .IPAM.Config}}{{.Gateway}} {{.Subnet}}{{end}}"
    told = docker("network", "inspect", "bridge", "--format", template).output.split()
    # Older engines name no gateway; it is the first address there.
    found = told[0] if len(told) == 2 else next(map(str, ip_network(told[0]).hosts())) if told else ""
    return found if _is_here(found) else ""


def _is_here(host: str) -> bool:
    try:
        _free_port(host)
    except OSError:
        return False
    return bool(host)


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _await(host: str, port: int, longest: float = 120) -> None:
    end = time.monotonic() + longest
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
