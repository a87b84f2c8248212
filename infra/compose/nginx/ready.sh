#!/usr/bin/env bash
# Asks each replica twice a second whether it is ready, and keeps a file for each that is: FOLDER/1 for the first, and so on.
# nginx looks at the files with every request (nginx.conf); by itself it would learn only from requests that fail.
#   ready.sh watch FOLDER HOST:PORT...
#   ready.sh once HOST:PORT              exit code 0 where it is ready
set -euo pipefail

# One answer, within a second; `timeout` because bash would wait minutes for a machine that is not there.
is_ready() {
    timeout 1 bash -c '
        exec 3<>"/dev/tcp/${1%:*}/${1##*:}"
        printf "GET /readyz HTTP/1.0\r\nHost: replica\r\n\r\n" >&3
        read -r _ status _ <&3
        [ "$status" = 200 ]' probe "$1" 2>/dev/null
}

watch() {
    local file=$1 failed=0
    rm -f "$file"
    while sleep 0.5; do
        if is_ready "$2"; then
            failed=0
            touch "$file"
        # Once is a probe that had to wait, twice is a replica that is not there.
        elif [ "$((failed += 1))" -ge 2 ]; then
            rm -f "$file"
        fi
    done
}

case $1 in
    once)
        is_ready "$2"
        ;;
    watch)
        folder=$2
        shift 2
        mkdir -p "$folder"
        trap 'kill $(jobs -p) 2>/dev/null' EXIT
        number=0
        for replica in "$@"; do
            number=$((number + 1))
            watch "$folder/$number" "$replica" &
        done
        # Whichever ends, something is wrong: the container starts anew.
        wait -n
        ;;
esac
