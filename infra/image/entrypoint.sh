#!/bin/sh
# What `docker run IMAGE ...` runs: `serve`, which is the default, or a command such as python -m service.batch.
set -eu
if [ "${1-serve}" = serve ]; then
    [ "$#" = 0 ] || shift
    # In the place of this shell: it gets the container's signals, and its end is the container's.
    exec bentoml serve service.app:RiskService --port 3000 "$@"
fi
exec "$@"
