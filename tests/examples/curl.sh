#!/usr/bin/env bash
# The online service by curl: URL=http://127.0.0.1:3000 KEY=key.header bash curl.sh
# OUTCOME is what really happened, as JSON: 0 unless said.
# The file KEY holds one line, "Authorization: Bearer …": on the command line every process of the machine could read it.
set -euo pipefail
: "${URL:=http://127.0.0.1:3000}" "${KEY:=/dev/null}"

# Attempts at one request carry one Idempotency-Key, so that it is decided once; curl heeds Retry-After by itself.
ask() {
    curl --silent --show-error --fail-with-body --max-time 10 --retry 3 --retry-connrefused -H "@$KEY" "$@"
    echo
}
tell() {
    ask -H 'content-type: application/json' -H "idempotency-key: $(uuid)" "$@"
}
uuid() { python3 -c 'import uuid; print(uuid.uuid4())'; }

# May it decide? What does it take, and an example of it?
ask "$URL/readyz"
ask "$URL/schema" >schema.json
python3 -c 'import json; print(json.dumps(json.load(open("schema.json"))["examples"][0]))' >record.json

# One decision.
tell "$URL/predict" --data @record.json | tee decision.json
id=$(python3 -c 'import json; print(json.load(open("decision.json"))["decision_id"])')

# Several at once; all contributions to one; what became of the first.
tell "$URL/predict_bulk" --data "{\"records\": [$(cat record.json), $(cat record.json)]}"
tell "$URL/explain" --data @record.json
told="\"decision_id\": \"$id\", \"outcome\": ${OUTCOME:-0}, \"observed_at\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\""
tell "$URL/outcomes" --data "{\"outcomes\": [{$told}]}"

# What is served, for people at /docs.
ask "$URL/model_metadata"

# A record that the contract refuses: curl's exit code is 22, and the answer says what is wrong with each field.
tell "$URL/predict" --data '{"no_such_field": 1}' || [ $? = 22 ]
