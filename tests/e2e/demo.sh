#!/usr/bin/env bash
# The main job from end to end on generated records, in a home of its own that is removed at the end.
set -euo pipefail

export AVAL_MODEL=credit_risk
. "$(dirname "${BASH_SOURCE[0]}")/own_home.sh"

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
serve
curl -fsS "http://127.0.0.1:$port/predict" -H 'content-type: application/json' -d '{
  "person_age": 22, "person_income": 59000, "person_home_ownership": "RENT", "person_emp_length": 3,
  "loan_intent": "PERSONAL", "loan_grade": "D", "loan_amnt": 3500, "loan_int_rate": 16.2,
  "loan_percent_income": 0.06, "cb_person_default_on_file": "Y", "cb_person_cred_hist_length": 3
}' | python -m json.tool

say "the decision stands in the log: check its chain, and decide again from what was logged"
aval log verify
aval replay credit_risk
