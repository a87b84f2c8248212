"""The scripts that workflows call: what is built, published and trusted, and the one comment of a pull request."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.infra.programs import needed
from tests.infra.workflow_files import CHECKOUT

RELEASES = {"card_default": "s3://releases/card_default", "credit_risk": "s3://releases/credit_risk"}
GENERATED = [{"use_case": "credit_risk", "release": "", "train": True}]
BOTH = [
    {"use_case": "card_default", "release": RELEASES["card_default"], "train": True},
    {"use_case": "credit_risk", "release": RELEASES["credit_risk"], "train": False},
]
REGISTRY = "1.dkr.ecr.eu-west-1.amazonaws.com"
IMAGE = f"{REGISTRY}/aval/credit_risk@sha256:{'a' * 64}"
WORKFLOW = "https://github.com/bank/aval.py/.github/workflows/image.yml"
PULL_REQUEST = "/repos/bank/aval/issues/7/comments"


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    needed("curl", "git", "jq")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One with the tags v1.0.0 and v1.1.0, and a commit since."""
    for what in (["init", "-q"], ["commit", "-qm", "1"], ["tag", "v1.0.0"], ["commit", "-qm", "2"]):
        git(tmp_path, *what)
    git(tmp_path, "tag", "v1.1.0")
    git(tmp_path, "tag", "not-a-release")
    git(tmp_path, "commit", "-qm", "3")
    return tmp_path


def test_a_pull_request_builds_one_image_and_publishes_none(repository: Path) -> None:
    assert wanted(repository, "pull_request", "branch") == ("HEAD", "false", GENERATED)


def test_a_tag_publishes_every_champion_that_was_exported_and_the_training_image_once(
    repository: Path,
) -> None:
    assert wanted(repository, "push", "tag") == ("HEAD", "true", BOTH)


def test_a_tag_without_releases_publishes_nothing(repository: Path) -> None:
    assert wanted(repository, "push", "tag", releases="") == ("HEAD", "false", GENERATED)


def test_by_hand_an_image_is_published_from_a_tag_alone(repository: Path) -> None:
    named = [{"use_case": "credit_risk", "release": RELEASES["credit_risk"], "train": True}]
    assert wanted(repository, "workflow_dispatch", "tag", "credit_risk") == ("HEAD", "true", named)
    assert wanted(repository, "workflow_dispatch", "branch", "credit_risk") == ("HEAD", "false", GENERATED)


def test_a_promoted_model_goes_out_with_the_code_that_was_released_last(repository: Path) -> None:
    named = [{"use_case": "card_default", "release": RELEASES["card_default"], "train": True}]
    assert wanted(repository, "repository_dispatch", "branch", "card_default") == ("v1.1.0", "true", named)


def test_every_week_champions_go_out_on_a_newer_base_with_the_code_that_was_released_last(
    repository: Path,
) -> None:
    assert wanted(repository, "schedule", "branch") == ("v1.1.0", "true", BOTH)


def test_before_the_first_tag_nothing_is_published(repository: Path) -> None:
    git(repository, "tag", "-d", "v1.0.0", "v1.1.0")
    assert wanted(repository, "schedule", "branch") == ("HEAD", "false", GENERATED)


def test_a_promoted_model_of_which_no_release_is_known_is_not_published(repository: Path) -> None:
    _, publish, builds = wanted(repository, "repository_dispatch", "branch", "loan_approval")
    assert (publish, [build["release"] for build in builds]) == ("false", [""])


def test_a_name_that_is_no_use_case_is_refused(repository: Path) -> None:
    ran = run_wanted(repository, "repository_dispatch", "branch", "credit_risk; id", releases="{}")
    assert ran.returncode == 2
    assert "'credit_risk; id' is no name of a use case" in ran.stderr


def test_the_first_text_of_a_pull_request_becomes_a_comment(tmp_path: Path) -> None:
    with github([{"id": 1, "body": "by a person"}]) as (url, asked):
        assert comment(url, tmp_path, "fine").returncode == 0
    assert [(what["method"], what["path"]) for what in asked] == [
        ("GET", f"{PULL_REQUEST}?per_page=100"),
        ("POST", PULL_REQUEST),
    ]
    assert asked[-1]["body"] == {"body": "<!-- load -->\nfine"}


def test_the_next_text_takes_the_place_of_the_first(tmp_path: Path) -> None:
    mine = {"id": 2, "body": "<!-- load -->\nslow"}
    with github([{"id": 1, "body": "<!-- terraform-plan -->"}, mine]) as (url, asked):
        assert comment(url, tmp_path, "fine").returncode == 0
    assert (asked[-1]["method"], asked[-1]["path"]) == ("PATCH", "/repos/bank/aval/issues/comments/2")
    assert asked[-1]["body"] == {"body": "<!-- load -->\nfine"}


def test_a_text_that_github_would_refuse_for_its_length_is_cut(tmp_path: Path) -> None:
    with github([]) as (url, asked):
        assert comment(url, tmp_path, "x" * 100_000).returncode == 0
    assert len(asked[-1]["body"]["body"]) == 65_000


def test_a_comment_that_is_refused_fails_without_telling_the_token(tmp_path: Path) -> None:
    with github([], status=403) as (url, _):
        ran = comment(url, tmp_path, "fine")
    assert ran.returncode != 0
    assert "secret" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("identity", "is_trusted"),
    [
        (f"{WORKFLOW}@refs/heads/main", True),
        (f"{WORKFLOW}@refs/tags/v1.2.0", True),
        (f"{WORKFLOW}@refs/heads/mine", False),
        (f"{WORKFLOW}@refs/heads/main/mine", False),
        (f"{WORKFLOW}@refs/tags/mine", False),
        (WORKFLOW.replace("image.yml", "other.yml") + "@refs/heads/main", False),
        (WORKFLOW.replace("aval.py", "avalxpy") + "@refs/heads/main", False),
    ],
)
def test_only_image_yml_of_main_and_of_version_tags_is_believed(
    tmp_path: Path, identity: str, is_trusted: bool
) -> None:
    _, (asked,) = verify(tmp_path, {"credit_risk": {"image": IMAGE, "model": "credit_risk:1"}})
    assert asked[:5] == ["attestation", "verify", f"oci://{IMAGE}", "--repo", "bank/aval.py"]
    assert "--deny-self-hosted-runners" in asked
    pattern = asked[asked.index("--cert-identity-regex") + 1]
    assert (re.search(pattern, identity) is not None) is is_trusted


def test_every_image_is_verified_and_what_shall_end_is_none(tmp_path: Path) -> None:
    train = IMAGE.replace("credit_risk", "train")
    ran, asked = verify(tmp_path, {"credit_risk": {"image": IMAGE}, "train": train, "card_default": None})
    assert ran.returncode == 0
    assert [arguments[2] for arguments in asked] == [f"oci://{IMAGE}", f"oci://{train}"]


def test_an_image_that_is_not_believed_stops_the_deployment(tmp_path: Path) -> None:
    ran, _ = verify(tmp_path, {"credit_risk": IMAGE}, answer=1)
    assert ran.returncode != 0


@pytest.mark.parametrize(
    "registry", ["ghcr.io/bank", f"{REGISTRY}.example.com", "2.dkr.ecr.eu-west-1.amazonaws.com"]
)
def test_an_image_of_another_registry_than_the_accounts_stops_the_deployment(
    tmp_path: Path, registry: str
) -> None:
    ran, asked = verify(tmp_path, {"credit_risk": IMAGE.replace(REGISTRY, registry)})
    assert (ran.returncode, asked) == (1, [])
    assert f"is not of {REGISTRY}" in ran.stderr


def verify(
    folder: Path, images: object, answer: int = 0
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Run verify.sh with a `gh` that gives that answer, since GitHub cannot be asked; and what it was asked."""
    (folder / "gh").write_text(
        f"#!/bin/sh\n{{ printf '%s\\n' \"$@\"; echo ==; }} >>'{folder}/asked'\nexit {answer}\n", "utf-8"
    )
    (folder / "gh").chmod(0o755)
    (folder / "images.json").write_text(json.dumps(images), "utf-8")
    told = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "bank/aval.py"}
    ran = subprocess.run(
        ["bash", str(CHECKOUT / ".github" / "verify.sh"), REGISTRY, str(folder / "images.json")],
        env=os.environ | told | {"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    asked = (folder / "asked").read_text("utf-8") if (folder / "asked").exists() else ""
    return ran, [call.splitlines() for call in asked.split("==\n") if call]


def wanted(
    repository: Path, event: str, kind: str, use_case: str = "", releases: str | None = None
) -> tuple[str, str, list[dict[str, Any]]]:
    """What is built: from which tag (or HEAD), whether it is published, and the images."""
    ran = run_wanted(
        repository, event, kind, use_case, json.dumps(RELEASES) if releases is None else releases
    )
    assert ran.returncode == 0, ran.stderr
    said = dict(line.split("=", 1) for line in ran.stdout.splitlines())
    code = next(
        name for name in ("HEAD", "v1.1.0", "v1.0.0") if git(repository, "rev-parse", name) == said["code"]
    )
    return code, said["publish"], json.loads(said["builds"])


def run_wanted(
    repository: Path, event: str, kind: str, use_case: str, releases: str
) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(CHECKOUT / "infra" / "image" / "wanted.sh"), event, kind, use_case]
    return subprocess.run(
        command,
        cwd=repository,
        env=os.environ | {"RELEASES": releases},
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{what}": "tests" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    options = ["--allow-empty"] if arguments[0] == "commit" else []
    command = ["git", *arguments, *options]
    env = os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def comment(url: str, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "said.md").write_text(text, "utf-8")
    command = ["bash", str(CHECKOUT / ".github" / "comment.sh"), "7", "load", str(folder / "said.md")]
    told = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "bank/aval", "GITHUB_TOKEN": "secret"}
    return subprocess.run(
        command, env=os.environ | told, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def github(comments: list[dict[str, Any]], status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the URL of what answers as GitHub's API does to a right token, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Api(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked.append({"method": self.command, "path": self.path, "body": body})
            content = json.dumps(comments).encode()
            self.send_response(status if self.headers["authorization"] == "Bearer secret" else 401)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
