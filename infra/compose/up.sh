#!/usr/bin/env bash
# From nothing to a system that answers on localhost: images, secrets, containers; ends once both replicas and the load balancer answer.
#   USE_CASE=credit_risk COMPOSE_FILE=compose.yaml:tls.yaml up.sh [PROFILE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
patience=${AVAL_UP_SECONDS:-600}
# Compose would take the interruption of a question for a no.
trap 'exit 130' INT

has_image() { docker image inspect "$1" >/dev/null 2>&1; }
setting() { [ ! -e .env ] || sed -n "s/^$1=//p" .env; }

# NAME and what is asked for, or nothing: prints what holds. What .env has said since the first time is not changed in passing:
# models and figures in the volumes are that use case's.
settled() {
    local holds
    holds=$(setting "$1")
    if [ -n "$2" ] && [ -n "$holds" ] && [ "$2" != "$holds" ]; then
        echo "$1 is $holds in $PWD/.env, and $2 is asked for: change it there, or ask for nothing" >&2
        exit 2
    fi
    echo "${holds:-$2}"
}

# Asked here once a second: the engine asks seldom, since each time costs a process.
answers() { ./compose.sh exec -T "$1" timeout 5 "${@:2}" </dev/null >/dev/null 2>&1; }
ready() {
    local healthy=/opt/aval/code/infra/image/healthy.sh
    answers online-1 "$healthy" && answers online-2 "$healthy" && answers lb /etc/aval-nginx/ready.sh once 127.0.0.1:8080
}

# How often the engine has started each anew; what ends by itself has no patience coming.
restarts() {
    # shellcheck disable=SC2046  # a word for each container
    docker inspect --format '{{.RestartCount}}' $(./compose.sh ps -q online-1 online-2 lb) 2>&1 || true
}

give_up() {
    ./compose.sh ps >&2
    ./compose.sh logs --tail=30 online-1 online-2 lb >&2
    echo "$1; see the lines above, and compose.sh logs" >&2
    exit 1
}

use_case=$(settled AVAL_USE_CASE "${USE_CASE:-}")
files=$(settled COMPOSE_FILE "${COMPOSE_FILE:-}")
export USE_CASE=${use_case:-credit_risk} COMPOSE_FILE=${files:-compose.yaml}
docker version >/dev/null 2>&1 || { echo "no container engine answers; start Docker, or see infra/image/engine.sh" >&2; exit 1; }
if ! has_image aval/train:local || ! has_image "aval/$USE_CASE:local"; then make -C ../.. image USE_CASE="$USE_CASE"; fi
./secrets.sh
case $COMPOSE_FILE in
    *stand-ins*) ./stand-ins/moto.sh ;;
esac
profiles=()
for profile in "$@"; do profiles+=(--profile "$profile"); done
./compose.sh ${profiles[@]+"${profiles[@]}"} up -d --build || {
    echo "not everything could be started; the lines above say why. Where images cannot be pulled, stand-ins can be tried:" \
        "COMPOSE_FILE=compose.yaml:stand-ins.yaml in $PWD/.env (README.md says what they are not)" >&2
    exit 1
}
echo "waiting until it is ready" >&2
begin=$SECONDS known=$(restarts)
until ready; do
    [ "$(restarts)" = "$known" ] || give_up "a replica or the load balancer ended and was started again"
    [ "$((SECONDS - begin))" -lt "$patience" ] || give_up "it was not ready within $patience s"
    sleep 1
done
port=$(setting AVAL_PORT)
echo "$USE_CASE is served on http://127.0.0.1:${port:-8080}, after $SECONDS s. The API key is in $PWD/secrets/caller.key:"
echo "  curl -H \"X-API-Key: \$(cat $PWD/secrets/caller.key)\" http://127.0.0.1:${port:-8080}/model_metadata"
