#!/usr/bin/env bash
# The main job from end to end on generated records, in a home of its own that is removed at the end.
set -euo pipefail

home=$(mktemp -d)
export AVAL_HOME="$home/aval" BENTOML_HOME="$home/bentoml" AVAL_MODEL=credit_risk
server=
stop() {
    [ -z "$server" ] || kill -- "-$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$home"
}
trap stop EXIT
cd "$home"

say() { printf '\n== %s\n' "$*"; }

say "train: compare, calibrate and judge on generated cases; register in MLflow (without --quick it searches too)"
aval train credit_risk --rows 5000 --quick

say "the model card: every number from the hashed evidence"
aval card credit_risk -o card.html

say "promote: ask the gates, import the bundle into the BentoML store, make it the champion"
aval promote credit_risk --why "demo" --json | python -c '
import json, sys
said = json.load(sys.stdin)
print(said["model"], "promoted;", sum(gate["status"] == "pass" for gate in said["gates"]), "gates passed")'

say "score a file of 10,000 records"
aval sample credit_risk --rows 10000 --seed 1 -o applications.csv
aval score credit_risk applications.csv scored.csv --reasons
head -3 scored.csv

say "serve, and ask for one decision"
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
set -m
bentoml serve service.app:RiskService --port "$port" >server.log 2>&1 &
server=$!
set +m
for _ in $(seq 300); do
    curl -fs "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { cat server.log >&2; exit 1; }
    sleep 0.2
done
curl -fsS "http://127.0.0.1:$port/predict" -H 'content-type: application/json' -d '{
  "person_age": 22, "person_income": 59000, "person_home_ownership": "RENT", "person_emp_length": 3,
  "loan_intent": "PERSONAL", "loan_grade": "D", "loan_amnt": 3500, "loan_int_rate": 16.2,
  "loan_percent_income": 0.06, "cb_person_default_on_file": "Y", "cb_person_cred_hist_length": 3
}' | python -m json.tool

say "the decision stands in the log: check its chain, and decide again from what was logged"
aval log verify
aval replay credit_risk
