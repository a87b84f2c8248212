#!/usr/bin/env bash
# Starts nginx and what watches its replicas; ends when one of the two does.
set -euo pipefail
read -r -a replicas <<<"${REPLICAS:-online-1:3000 online-2:3000}"
mkdir -p /tmp/nginx
/etc/aval-nginx/ready.sh watch /tmp/nginx/ready "${replicas[@]}" &
watcher=$!
nginx -e stderr -p /tmp/nginx -c /etc/aval-nginx/nginx.conf &
nginx=$!
# What is in work is answered before nginx ends.
stopping=
trap 'stopping=yes; kill -QUIT "$nginx"' TERM INT QUIT
status=0
wait -n || status=$?
kill -QUIT "$nginx" 2>/dev/null || true
wait "$nginx" || true
kill "$watcher" 2>/dev/null || true
[ -z "$stopping" ] || exit 0
echo "nginx or the watch over its replicas ended; the container ends too" >&2
exit "$((status == 0 ? 1 : status))"
