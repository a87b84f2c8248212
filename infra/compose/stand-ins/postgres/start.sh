#!/bin/bash
# Makes the folder of data with what lies in /docker-entrypoint-initdb.d, as the official image does, then starts PostgreSQL.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    read -r -a options <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb -U postgres --pwfile="$POSTGRES_PASSWORD_FILE" "${options[@]}" >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl -w -o "-c listen_addresses=" start >/dev/null
    export PGUSER=postgres
    for script in /docker-entrypoint-initdb.d/*.sh; do bash "$script"; done
    pg_ctl -w -m fast stop >/dev/null
fi
exec "$@" -c "listen_addresses=*"
