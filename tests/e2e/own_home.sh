# Sourced by the scripts beside it: a home of its own, removed at the end with the server that was started in it.
# shellcheck shell=bash
home=$(mktemp -d)
export AVAL_HOME="$home/aval" BENTOML_HOME="$home/bentoml"
server=
halt() {
    [ -z "$server" ] || kill -- "-$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    server=
}
trap 'halt; rm -rf "$home"' EXIT
cd "$home"

say() { printf '\n== %s\n' "$*"; }

# Serves AVAL_MODEL on a free port, which `port` says once it is ready.
serve() {
    port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # A process group of its own, so that its workers end with it.
    set -m
    bentoml serve service.app:RiskService --port "$port" >server.log 2>&1 &
    server=$!
    set +m
    for _ in $(seq 300); do
        curl -fs "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    cat server.log >&2
    exit 1
}
