#!/usr/bin/env bash
# Starts one replica after the other again, each once the one before is ready: no request is lost, and both then serve the
# present champion and image.
#   replace.sh [REPLICA...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# Compose would take the interruption of a question for a no.
trap 'exit 130' INT
[ "$#" -gt 0 ] || set -- online-1 online-2
for replica in "$@"; do
    echo "replacing $replica" >&2
    ./compose.sh up -d --no-deps --force-recreate --timeout 40 "$replica"
    begin=$SECONDS
    until ./compose.sh exec -T "$replica" timeout 5 /opt/aval/code/infra/image/healthy.sh </dev/null >/dev/null 2>&1; do
        [ "$((SECONDS - begin))" -lt 300 ] || { ./compose.sh logs --tail=30 "$replica" >&2; echo "$replica is not ready" >&2; exit 1; }
        sleep 1
    done
done
