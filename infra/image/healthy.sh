#!/bin/bash
# healthy.sh [PORT [PATH]]: whether the service in this container would answer now, or with /livez whether it runs. A Python for
# this, every few seconds, would cost more than the service itself does when nobody asks.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${1:-3000}"
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "${2:-/readyz}" >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
