"""The files of compose say what they should, also where no engine is at hand to run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with BentoML, without its types

COMPOSE = Path(__file__).resolve().parents[2] / "infra" / "compose"
FILES = [["compose.yaml"], ["compose.yaml", "stand-ins.yaml"], ["compose.yaml", "tls.yaml"]]
OURS = ("aval/", "${AVAL_")
MEMORY = 8 * 2**30
REPLICAS = ("online-1", "online-2")
JOBS = {"train", "aval", "drift", "retrain", "nightly"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"])


@pytest.mark.parametrize("files", FILES, ids=lambda files: files[-1])
def test_docker_compose_takes_the_files(files: list[str], tmp_path: Path) -> None:
    program = _docker_compose()
    named = [argument for file in files for argument in ("-f", file)]
    # Not that of whoever runs the system here.
    (tmp_path / "env").touch()
    command = [*program, *named, "--env-file", f"{tmp_path}/env", "config", "-q"]
    done = subprocess.run(command, cwd=COMPOSE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_container_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == ("no" if name in JOBS else "unless-stopped"), name


def test_an_image_that_begins_as_root_is_given_its_user(services: dict[str, dict[str, Any]]) -> None:
    """Its entry point would have to become that one, which nobody can who has no capability."""
    for name in ("postgres", "s3"):
        assert services[name]["user"] not in ("root", "0"), name


def test_it_fits_into_eight_gigabytes_while_it_serves(services: dict[str, dict[str, Any]]) -> None:
    limits = {name: _bytes(service["mem_limit"]) for name, service in services.items()}
    serving = sum(limit for name, limit in limits.items() if name not in JOBS)
    assert serving + max(limits[name] for name in JOBS) <= MEMORY


def test_only_this_machine_reaches_what_is_published(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"
    assert "ports" not in services["postgres"]
    assert "ports" not in services["s3"]


def test_images_of_others_have_a_version(services: dict[str, dict[str, Any]]) -> None:
    others = [service["image"] for service in services.values() if not service["image"].startswith(OURS)]
    assert others
    assert [image for image in others if not re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image)] == []


def test_no_environment_holds_a_secret(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{name}: {variable}"
            if re.search(r"PASSWORD|SECRET|KEY", variable):
                assert variable.endswith("FILE") or str(value).startswith("/run/secrets/"), (
                    f"{name}: {variable}"
                )


def test_every_container_is_given_its_own_secrets_alone(services: dict[str, dict[str, Any]]) -> None:
    folders = {
        name: {
            found[1]
            for volume in service.get("volumes", ())
            if (found := re.match(r"\./secrets/(\w+):", volume))
        }
        for name, service in services.items()
    }
    assert folders["postgres"] == {"postgres"}
    assert folders["mlflow"] == {"mlflow"}
    assert folders["s3"] == {"s3"}
    assert folders["lb"] == set()
    assert {name for name, own in folders.items() if "aval" in own} == {*REPLICAS, *JOBS}
    assert all(len(own) <= 1 for own in folders.values())


def test_both_replicas_are_the_same_but_for_place_and_disk(services: dict[str, dict[str, Any]]) -> None:
    first, second = (dict(services[name]) for name in REPLICAS)
    assert first["networks"]["front"] != second["networks"]["front"]
    assert [own for own in first["volumes"] if own not in second["volumes"]] == ["online-1:/var/lib/aval"]
    for replica in (first, second):
        del replica["networks"], replica["volumes"]
    assert first == second


def test_the_load_balancer_knows_the_replicas_by_the_addresses_that_they_have(
    services: dict[str, dict[str, Any]],
) -> None:
    known = dict(entry.split(":", 1) for entry in services["lb"]["extra_hosts"])
    for name in REPLICAS:
        # The default of the variable holds a colon of its own.
        assert known[name] == services[name]["networks"]["front"]["ipv4_address"]
    asked = (COMPOSE / "nginx" / "replicas.conf").read_text("utf-8")
    assert set(re.findall(r"server (\S+):3000", asked)) == set(REPLICAS)


def test_replicas_only_read_the_models(services: dict[str, dict[str, Any]]) -> None:
    for name in (*REPLICAS, "nightly"):
        assert "models:/opt/aval/store:ro" in services[name]["volumes"]


def test_whoever_counts_decisions_has_the_files_of_batch_runs(services: dict[str, dict[str, Any]]) -> None:
    for name in (*REPLICAS, *JOBS):
        assert "segments:/var/lib/aval/segments" in services[name]["volumes"], name


def test_the_images_have_the_folders_that_volumes_take_their_owner_from(
    services: dict[str, dict[str, Any]],
) -> None:
    build = (COMPOSE.parent / "image" / "strip.sh").read_text("utf-8")
    mounted = {volume.split(":")[1] for name in (*REPLICAS, *JOBS) for volume in services[name]["volumes"]}
    for place in sorted(place for place in mounted if place.startswith("/var/lib/aval/")):
        assert re.search(rf"^mkdir -p .*{place}\b", build, re.MULTILINE), place


def test_a_replica_is_asked_for_its_health_as_its_image_says(services: dict[str, dict[str, Any]]) -> None:
    recipe = (COMPOSE.parent / "image" / "Dockerfile").read_text("utf-8")
    for name in REPLICAS:
        _, program = services[name]["healthcheck"]["test"]
        assert f'CMD ["{program}"]' in recipe


def test_a_replica_drains_longer_than_the_load_balancer_needs_to_notice(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in REPLICAS:
        # Two looks, half a second apart, of at most a second each.
        assert int(services[name]["environment"]["AVAL_DRAIN_SECONDS"]) >= 3
        assert services[name]["stop_grace_period"] == "40s"


def test_whoever_ends_is_waited_for_by_somebody_who_stays(services: dict[str, dict[str, Any]]) -> None:
    """`docker compose up --wait` takes the end of any other container for a failure."""
    ended = [name for name in JOBS if "profiles" not in services[name]]
    for name in ended:
        waits = [other for other, service in services.items() if name in service.get("depends_on", ())]
        assert {services[other]["depends_on"][name]["condition"] for other in waits} == {
            "service_completed_successfully"
        }


def test_what_is_mounted_from_here_is_here(services: dict[str, dict[str, Any]]) -> None:
    made = ("./secrets", "./files", "./tls")
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            place = volume.split(":")[0]
            if place.startswith(".") and not place.startswith(made):
                assert (COMPOSE / place).exists(), f"{name}: {volume}"


def test_every_setting_is_told(services: dict[str, dict[str, Any]]) -> None:
    text = "".join(file.read_text("utf-8") for file in COMPOSE.glob("*.yaml"))
    told = (COMPOSE / "README.md").read_text("utf-8")
    asked = set(re.findall(r"\$\{(AVAL_\w+)", text))
    assert {name for name in asked if f"`{name}" not in told} == set()


def test_what_is_asked_whether_it_answers_is_in_the_images() -> None:
    (check,) = re.findall(
        r'HEALTHCHECK .*CMD \["(\S+)"\]', (COMPOSE.parent / "image" / "Dockerfile").read_text()
    )
    nginx = (COMPOSE / "nginx" / "Dockerfile").read_text()
    assert re.search(r"^COPY .*\bready\.sh\b.* /etc/aval-nginx/$", nginx, re.MULTILINE)
    found = set()
    for name in ("compose.yaml", "stand-ins.yaml", "up.sh", "replace.sh"):
        found |= set(re.findall(r"/[\w/-]+/(?:healthy|ready)\.sh", (COMPOSE / name).read_text()))
    assert found == {check, "/etc/aval-nginx/ready.sh"}


def test_nothing_secret_can_be_committed() -> None:
    for path in (
        ".env",
        "secrets/caller.key",
        "tls/tls.key",
        "files/scored/a.csv",
        "stand-ins/moto/moto/s3.py",
    ):
        done = subprocess.run(["git", "check-ignore", "-q", path], cwd=COMPOSE, check=False)
        assert done.returncode == 0, path


def _docker_compose() -> list[str]:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], check=False).returncode == 0
    ):
        return ["docker", "compose"]
    reason = "there is no Docker Compose; install it: apt-get install docker-compose"
    if os.environ.get("AVAL_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _bytes(text: str) -> int:
    return int(text[:-1]) * {"m": 2**20, "g": 2**30}[text[-1]]
