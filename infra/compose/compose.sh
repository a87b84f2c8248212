#!/usr/bin/env bash
# Runs Docker Compose on what .env names: version 2 where it is there, else docker-compose 1.29.
#   compose.sh ps | logs -f lb | run --rm drift | ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# A client of version 23 and later cannot build without a plug-in; Debian's own, which it may hide, does.
docker buildx version >/dev/null 2>&1 || export PATH="/usr/bin:$PATH"
if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
command -v docker-compose >/dev/null || {
    echo "there is no Docker Compose: install Docker's plugin (docker compose), or Debian's docker-compose" >&2
    exit 1
}
exec docker-compose "$@"
