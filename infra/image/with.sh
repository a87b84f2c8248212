#!/usr/bin/env bash
# Runs a serving image as in production, on a free port of this machine alone, and, once it is ready, a command.
#   with.sh IMAGE COMMAND...      {} in COMMAND becomes the service's address; exits as COMMAND does
set -euo pipefail

[ "$#" -ge 2 ] || { echo "usage: with.sh IMAGE COMMAND..." >&2; exit 2; }
container=$(docker run --detach --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --env AVAL_WITHOUT_KEYS=yes --publish 127.0.0.1::3000 "$1")
trap 'docker rm --force --volumes "$container" >/dev/null' EXIT
address=http://$(docker port "$container" 3000/tcp | head -n 1)

# Its requests, a line of JSON each, are left out.
told() { docker logs "$container" 2>&1 | { grep -v '^{' || true; } | tail -n 30 >&2; }

# Not by the state of its health check, which gives up early on a machine that has much else to do.
ready=no
for _ in $(seq 360); do
    running=$(docker inspect --format '{{.State.Running}}' "$container")
    if curl -fs -o /dev/null --max-time 5 "$address/readyz"; then ready=yes; fi
    if [ "$ready" = yes ] || [ "$running" != true ]; then break; fi
    sleep 0.5
done
[ "$ready" = yes ] || {
    told
    echo "$1 is not ready, and $([ "$running" = true ] && echo still runs || echo has ended)" >&2
    exit 1
}

command=()
for part in "${@:2}"; do command+=("${part//\{\}/$address}"); done
code=0
"${command[@]}" || code=$?
if [ "$code" != 0 ]; then
    echo "what the container said at last:" >&2
    told
fi
exit "$code"
