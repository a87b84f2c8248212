#!/usr/bin/env bash
# Makes what is secret and what is this machine's own, once: passwords and API keys in secrets/, the settings in .env.
# What is there stays as it is. Only the owner may enter secrets/; its files are open, for each container has a user of its own
# and is given nothing but its own folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
use_case=${USE_CASE:-credit_risk}
train_image=${AVAL_TRAIN_IMAGE:-aval/train:local}

random() { LC_ALL=C tr -dc a-f0-9 </dev/urandom | head -c 48 || true; }

# A file with what comes on standard input, where there is none yet.
keep() { if [ -e "$1" ]; then cat >/dev/null; else cat >"$1"; fi; }

service_file() {
    printf '[%s]\nuser=%s\npassword=%s\n' "$1" "$1" "$(cat "secrets/postgres/$1")"
}

s3_identities() {
    printf '{"identities": [{"name": "mlflow", "credentials": [{"accessKey": "mlflow", "secretKey": "%s"}], "actions": ["Admin"]}]}\n' "$1"
}

# NAME and scopes: the secret goes into secrets/NAME.key, its hash into the file that the replicas read.
api_key() {
    local name=$1
    shift
    [ ! -e "secrets/$name.key" ] || return 0
    docker run --rm --user "$(id -u):$(id -g)" --read-only --tmpfs /tmp -e HOME=/tmp -v "$PWD/secrets/aval:/keys" "$train_image" \
        aval keys create "$name" $(printf -- ' --scope %s' "$@") --file /keys/keys.json --json >"secrets/$name.json"
    sed -n 's/.*"secret": *"\([^"]*\)".*/\1/p' "secrets/$name.json" | tr -d '\n' >"secrets/$name.key"
    rm "secrets/$name.json"
    chmod a+r secrets/aval/keys.json
}

umask 022
mkdir -p secrets/aval secrets/mlflow secrets/postgres secrets/s3 secrets/prometheus secrets/grafana files/incoming files/scored
chmod 700 secrets
# The image's user writes there, whoever that is on this machine.
chmod a+rwx files/scored

for name in password aval mlflow; do random | keep "secrets/postgres/$name"; done
random | keep secrets/grafana/password
random | keep secrets/s3/secret
service_file aval | keep secrets/aval/pg_service.conf
service_file mlflow | keep secrets/mlflow/pg_service.conf
s3_identities "$(cat secrets/s3/secret)" | keep secrets/s3/identities.json
printf '[default]\naws_access_key_id=mlflow\naws_secret_access_key=%s\n' "$(cat secrets/s3/secret)" | keep secrets/mlflow/credentials
api_key caller predict outcomes read
api_key prometheus read
keep secrets/prometheus/key <secrets/prometheus.key
keep .env <<SETTINGS
# Written by secrets.sh, and yours to change: compose.yaml says what there is.
COMPOSE_PROJECT_NAME=aval
COMPOSE_FILE=${COMPOSE_FILE:-compose.yaml}
AVAL_USE_CASE=$use_case
AVAL_IMAGE=aval/$use_case:local
SETTINGS
# What is served, which need not be what is asked for now.
use_case=$(sed -n 's/^AVAL_USE_CASE=//p' .env)
printf '[{"targets": ["online-1:3000", "online-2:3000"], "labels": {"use_case": "%s"}}]\n' "$use_case" >secrets/prometheus/targets.json
