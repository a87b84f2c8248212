"""Prints, as CycloneDX 1.5 JSON, what is installed where it runs: in an image. It needs nothing but Python.

    docker run --rm -i --entrypoint python IMAGE - NAME VERSION < sbom.py

Python's distributions come from their metadata, the system's packages from dpkg. Equal images give equal bytes.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

FORMAT = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"


def bill(name: str, version: str) -> dict[str, Any]:
    """Return the bill of materials of this system, titled with the image's name and version."""
    parts = [_interpreter(), *_distributions(), *_packages()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": "image", "name": name, "version": version}
        },
        "components": sorted(parts, key=lambda part: str(part["bom-ref"])),
    }


def _interpreter() -> dict[str, Any]:
    version = platform.python_version()
    return _component("python", version, f"pkg:generic/python@{version}", "application")


def _distributions() -> list[dict[str, Any]]:
    found = {(item.metadata["Name"], item.version): item for item in metadata.distributions()}
    return [_distribution(item, name, version) for (name, version), item in found.items()]


def _distribution(item: metadata.Distribution, name: str, version: str) -> dict[str, Any]:
    plain = re.sub(r"[-_.]+", "-", name).lower()
    part = _component(name, version, f"pkg:pypi/{plain}@{quote(version)}")
    if "License-Expression" not in item.metadata:
        return part
    return {**part, "licenses": [{"expression": item.metadata["License-Expression"]}]}


def _packages() -> list[dict[str, Any]]:
    """Return dpkg's packages, each with the source that security advisories name."""
    command = ["/usr/bin/dpkg-query", "--show", f"--showformat={FORMAT}"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
    return [_package(*line.split("\t")) for line in lines]


def _package(name: str, version: str, architecture: str, source: str, source_version: str) -> dict[str, Any]:
    release = _release()
    about = f"arch={architecture}&distro={release}"
    if (source, source_version) != (name, version):
        about += f"&upstream={quote(f'{source}@{source_version}', safe='')}"
    return _component(name, version, f"pkg:deb/debian/{quote(name)}@{quote(version)}?{about}")


def _release() -> str:
    found = re.search(r'(?m)^VERSION_ID="?([^"\n]+)', Path("/etc/os-release").read_text("utf-8"))
    return f"debian-{found[1] if found else 'unknown'}"


def _component(name: str, version: str, address: str, kind: str = "library") -> dict[str, Any]:
    return {"type": kind, "bom-ref": address, "name": name, "version": version, "purl": address}


if __name__ == "__main__":
    json.dump(bill(*sys.argv[1:3]), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
