#!/usr/bin/env bash
# The way from the code to a system in use, all of it real: images → registry → pulled by digest → run read-only and not as
# root → a decision → a file scored → two replicas behind nginx, of which one is killed under load → everything gone again.
# Needs Linux, make's environment for tests, and either a container engine or Debian's docker.io, docker-compose, docker-registry
# and debootstrap. What cannot be pulled is stood in for, and it says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

use_case=credit_risk
name=aval-delivery-$$
# Short: the path of a socket has a hundred letters.
work=$(mktemp -d /tmp/aval-d.XXXXXX)
compose=$work/infra/compose
confined=(--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true --label "$name")
registry='' local_names=() steps=() step='' since=0

say() {
    [ -z "$step" ] || steps+=("$(printf '%5d s  %s' "$((SECONDS - since))" "$step")")
    step=$1 since=$SECONDS
    [ -z "$step" ] || printf '\n== %s\n' "$step"
}

fail() { echo "FAILED: $*" >&2; exit 1; }

free_port() { python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

await() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || fail "not within the time: $*"
        sleep 0.2
    done
}

# Names of images that are made here, and of those that stand-ins are made for.
images() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' |
        sed -n -e '/^aval\//p' -e '/^python:3\.11-slim$/p' -e '/^debian:bookworm-slim$/p'
}

# Those that were not there before: a stand-in that stayed would be taken for the real one by whatever is built next.
forget_images() {
    local name
    [ -e "$work/images" ] || return 0
    images 2>/dev/null | grep -vxFf "$work/images" | while read -r name; do docker rmi "$name" >/dev/null 2>&1; done
}

# Whatever happened, nothing stays: containers, networks, volumes, names of images, processes, files.
clear_away() {
    set +e
    trap '' INT TERM
    [ ! -e "$compose/.env" ] || "$compose/compose.sh" --profile jobs down -v --remove-orphans --timeout 5 >/dev/null 2>&1
    docker ps -aq --filter "label=$name" | while read -r container; do docker rm -fv "$container" >/dev/null; done
    [ "${#local_names[@]}" = 0 ] || docker rmi "${local_names[@]}" >/dev/null 2>&1
    [ -z "$registry" ] || { kill "$registry" && wait "$registry"; } 2>/dev/null
    infra/image/engine.sh stop "$work/engine"
    rm -rf "$work/files" "$work/infra" 2>/dev/null ||
        docker run --rm -v "$work:/work" debian:bookworm-slim rm -rf /work/files /work/infra
    forget_images
    rm -rf "$work"
}
trap clear_away EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A client of version 23 and later cannot build without a plug-in; Debian's own, which it may hide, does.
docker buildx version >/dev/null 2>&1 || { mkdir "$work/bin" && ln -s /usr/bin/docker "$work/bin" && PATH=$work/bin:$PATH; }

say "an engine, and images to build on"
DOCKER_HOST=$(infra/image/engine.sh start "$work/engine")
export DOCKER_HOST
images >"$work/images"
infra/image/stand-in-base.sh

say "both images, from a model trained on generated records"
made=dist/image/$use_case.json
# What `make image` has just made need not be made again: DELIVERY_IMAGES=made.
if [ "${DELIVERY_IMAGES:-}" != made ] || [ ! -e "$made" ]; then
    make image USE_CASE="$use_case" >"$work/image.log" 2>&1 || { tail -n 60 "$work/image.log" >&2; fail "make image"; }
    tail -n 25 "$work/image.log"
fi
read -r image tag <<<"$(python -c 'import json, sys; made = json.load(open(sys.argv[1])); print(made["image"], made["tag"])' "$made")"

say "a registry: pushed, and pulled by its digest"
port=$(free_port)
cat >"$work/registry.yaml" <<REGISTRY
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
REGISTRY
docker-registry serve "$work/registry.yaml" 2>"$work/registry.log" &
registry=$!
await 20 curl -fs "http://127.0.0.1:$port/v2/"
digest=$(infra/image/push.sh "$image" "localhost:$port/aval/$use_case" | tail -n 1)
local_names+=("localhost:$port/aval/$use_case:$tag")
docker rmi "${local_names[@]}" >/dev/null
docker pull -q "$digest"
local_names=("$digest")

say "run as pulled: read-only, without rights, not as root; one decision"
container=$(docker run -d "${confined[@]}" -e AVAL_WITHOUT_KEYS=yes -p 127.0.0.1::3000 "$digest")
began=$(date +%s%N)
address=http://$(docker port "$container" 3000/tcp | head -n 1)
await 60 curl -fs "$address/readyz"
echo "ready $((($(date +%s%N) - began) / 1000000)) ms after its start"
python tests/e2e/smoke.py "$address"
user=$(docker exec "$container" id -u)
[ "$user" = 10001 ] || fail "it runs as user $user, not as 10001"
! docker exec "$container" sh -c 'touch /opt/aval/x' 2>/dev/null || fail "its files can be written"
docker stop -t 40 "$container" >/dev/null
code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || { docker logs --tail 20 "$container" >&2; fail "it ended with $code when it was told to stop"; }
docker rm -v "$container" >/dev/null

say "a file of 10,000 records, scored by the same image"
mkdir -m 777 "$work/files"
AVAL_HOME=$work/sample aval sample "$use_case" --rows 10000 -o "$work/files/applications.csv" >/dev/null
docker run --rm "${confined[@]}" -v "$work/files:/files" "$digest" \
    python -m service.batch "$use_case" /files/applications.csv /files/scored.csv
python -m tests.e2e.delivery.manifest "$work/files/scored.csv.manifest.json" 10000

say "two replicas behind nginx, with PostgreSQL, MLflow and a model that was trained and promoted there"
mkdir -p "$work/infra"
cp -R infra/compose infra/prometheus infra/grafana "$work/infra"
rm -rf "$compose/.env" "$compose/secrets" "$compose/files"
cp requirements.lock "$work"
files=compose.yaml
for other in postgres:17-bookworm chrislusf/seaweedfs:4.48; do
    docker image inspect "$other" >/dev/null 2>&1 || timeout 120 docker pull -q "$other" 2>/dev/null || files=compose.yaml:stand-ins.yaml
done
[ "$files" = compose.yaml ] || echo "STAND-INS for images that cannot be pulled: infra/compose/stand-ins.yaml" >&2
cat >"$compose/.env" <<SETTINGS
COMPOSE_PROJECT_NAME=$name
COMPOSE_FILE=$files
AVAL_USE_CASE=$use_case
AVAL_IMAGE=$digest
AVAL_PORT=$(free_port)
AVAL_MLFLOW_PORT=$(free_port)
AVAL_SUBNET=10.84.$((RANDOM % 250))
AVAL_TRAIN_OPTIONS=--quick --rows 4000
SETTINGS
USE_CASE=$use_case "$compose/up.sh"

say "one replica killed, and one replaced, under load"
python -m tests.e2e.delivery.failures "$compose"

say "last night's file, and the whole log verified"
yesterday=$(date -u -d yesterday +%F)
mkdir -p "$compose/files/incoming/$yesterday"
cp "$work/files/applications.csv" "$compose/files/incoming/$yesterday"
"$compose/compose.sh" run --rm nightly
python -m tests.e2e.delivery.manifest "$compose/files/scored/$yesterday/_manifest.json" 10000
python -m tests.e2e.delivery.counted "$compose" "$compose/files/scored/$yesterday"
"$compose/compose.sh" run --rm aval log verify

say "down again"
"$compose/compose.sh" --profile jobs down -v --timeout 40
for kind in container volume network; do
    left=$(docker "$kind" ls -q --filter "label=com.docker.compose.project=$name")
    [ -z "$left" ] || fail "a $kind was left: $left"
done
say ""
printf '\nDELIVERED, in %d s:\n' "$SECONDS"
printf '%s\n' "${steps[@]}"
