#!/usr/bin/env bash
# From nothing to a system that answers on localhost: images, secrets, containers; ends once the load balancer is healthy.
#   USE_CASE=credit_risk COMPOSE_FILE=compose.yaml:tls.yaml up.sh [PROFILE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# make hands on what was not given as an empty text.
[ -n "${COMPOSE_FILE:-}" ] || unset COMPOSE_FILE
patience=${AVAL_UP_SECONDS:-600}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }
setting() { sed -n "s/^$1=//p" .env; }

health() {
    local container
    container=$(./compose.sh ps -q lb 2>/dev/null | head -n 1)
    [ -z "$container" ] || docker inspect --format '{{.State.Health.Status}}' "$container"
}

docker version >/dev/null 2>&1 || { echo "no container engine answers; start Docker, or see infra/image/engine.sh" >&2; exit 1; }
if ! has_image aval/train:local || ! has_image "aval/${USE_CASE:-credit_risk}:local"; then
    make -C ../.. image USE_CASE="${USE_CASE:-credit_risk}"
fi
./secrets.sh
case $(setting COMPOSE_FILE) in
    *stand-ins*) ./stand-ins/moto.sh ;;
esac
profiles=()
for profile in "$@"; do profiles+=(--profile "$profile"); done
./compose.sh ${profiles[@]+"${profiles[@]}"} up -d --build
echo "waiting until it is ready" >&2
until [ "$(health)" = healthy ]; do
    if [ "$SECONDS" -gt "$patience" ]; then
        ./compose.sh ps >&2
        ./compose.sh logs --tail=30 >&2
        echo "it was not ready within $patience s; see the lines above, and compose.sh logs" >&2
        exit 1
    fi
    sleep 1
done
port=$(setting AVAL_PORT)
echo "$(setting AVAL_USE_CASE) is served on http://127.0.0.1:${port:-8080}, after $SECONDS s. The API key is in $PWD/secrets/caller.key:"
echo "  curl -H \"X-API-Key: \$(cat $PWD/secrets/caller.key)\" http://127.0.0.1:${port:-8080}/model_metadata"
