#!/bin/bash
# Runs once, when PostgreSQL's folder is made: a role and a database of its own for each that uses it.
set -euo pipefail
for name in aval mlflow; do
    psql -v ON_ERROR_STOP=1 -v name="$name" -v password="$(cat "/run/secrets/postgres/$name")" -d postgres -q <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
