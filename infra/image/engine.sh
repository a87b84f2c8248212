#!/usr/bin/env bash
# Prints the address of a container engine: the one that answers already, else one that is started here.
#   engine.sh start FOLDER    prints DOCKER_HOST; the data and the socket of a started engine are in FOLDER
#   engine.sh stop FOLDER     ends the engine that was started so, and removes FOLDER; does nothing for another
set -euo pipefail

answers() {
    DOCKER_HOST=$1 timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

start() {
    local folder=$1 address
    address=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null ||
        echo unix:///var/run/docker.sock)}
    if answers "$address"; then echo "$address"; return; fi
    command -v dockerd >/dev/null || {
        echo "no container engine answers at $address and none is installed; start Docker, or: apt-get install docker.io" >&2
        return 1
    }
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    address=unix://$folder/docker.sock
    # In a session of its own: an interrupted build stops, the engine it talks to stops when it is told to.
    as_root setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
        --group "$(id -g)" --host "$address" </dev/null >"$folder/log" 2>&1 &
    for _ in $(seq 60); do
        if answers "$address"; then echo "$address"; return; fi
        sleep 0.5
    done
    echo "the container engine did not start; the end of $folder/log:" >&2
    as_root tail -n 20 "$folder/log" >&2
    return 1
}

stop() {
    local folder=$1 engine
    [ -f "$folder/pid" ] || return 0
    engine=$(cat "$folder/pid")
    as_root kill "$engine" 2>/dev/null || true
    for _ in $(seq 120); do
        as_root kill -0 "$engine" 2>/dev/null || break
        sleep 0.5
    done
    as_root rm -rf "$folder"
}

case "${1-} ${2:+folder}" in
    "start folder") start "$2" ;;
    "stop folder") stop "$2" ;;
    *) echo "usage: engine.sh start|stop FOLDER" >&2; exit 2 ;;
esac
