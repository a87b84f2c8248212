"""A small `aws` for tests: `python -m tests.infra.terraform.aws_command SERVICE OPERATION [--option VALUE …]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SERVICES = {"s3api": "s3"}


def main(service: str, operation: str, *words: str) -> None:
    """Call the operation and print its answer as JSON; only options with one value each are known."""
    import boto3

    client = boto3.client(SERVICES.get(service, service))
    method = operation.replace("-", "_")
    name = client.meta.method_to_api_mapping[method]
    members = client.meta.service_model.operation_model(name).input_shape.members
    names = {member.lower(): member for member in members}
    pairs = zip(words[::2], words[1::2], strict=True)
    given = {names[flag.lstrip("-").replace("-", "")]: value for flag, value in pairs}
    answer = getattr(client, method)(**{key: _value(members[key], text) for key, text in given.items()})
    answer.pop("ResponseMetadata")
    sys.stdout.write(json.dumps(answer, default=str) + "\n")


def _value(shape: Any, text: str) -> Any:
    """Return an option's value: text, a file's text, JSON, or `Name=value,Name=value`."""
    if text.startswith("file://"):
        return Path(text.removeprefix("file://")).read_text("utf-8")
    if shape.type_name == "string":
        return text
    if text[0] in "{[":
        return json.loads(text)
    return {name: _SAID.get(value, value) for name, value in (item.split("=") for item in text.split(","))}


_SAID = {"true": True, "false": False}

if __name__ == "__main__":
    main(*sys.argv[1:])
