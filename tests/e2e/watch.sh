#!/usr/bin/env bash
# Watching and retraining from nothing, in a home of its own that is removed at the end: a model is trained and promoted,
# half a year is simulated in which a column comes to mean something else, drift is found, the model is retrained, and
# the restarted service serves the challenger that took its place.
set -euo pipefail

export AVAL_MODEL=card_default
. "$(dirname "${BASH_SOURCE[0]}")/own_home.sh"

field() { python -c 'import json, sys; print(eval("said" + sys.argv[1], {"said": json.load(sys.stdin)}))' "$1"; }
expect() { # CODE COMMAND...: the command's exit code says what it found
    local code=0
    "${@:2}" || code=$?
    [ "$code" = "$1" ] || { echo "exit code $code instead of $1: ${*:2}" >&2; exit 1; }
}

say "1. train on generated cases and promote"
aval train card_default --rows 12000 --quick >train.txt
aval promote card_default --why "the first one"

say "2. half a year of decisions: from week 4 on, a high bill means much more risk than it did"
aval simulate card_default --weeks 26 --per-day 150 --declines-told --concept BILL_AMT1=+2.5@4 | tee simulated.txt
# Its last lines point every further command at the simulation's home.
eval "$(grep -E '^  (export|unset) ' simulated.txt)"

say "3. serve it, and look at the dashboard"
serve
before=$(curl -fsS "http://127.0.0.1:$port/model_metadata" | field '["model"]')
echo "$before is served"

say "4. what has changed: exit code 1 says that something has"
expect 1 aval drift card_default

say "5. retrain on what became of the decisions; the challenger takes over if it is shown to be better"
aval retrain card_default --quick

say "the restarted service serves it, and the dashboard shows both"
halt
serve
after=$(curl -fsS "http://127.0.0.1:$port/model_metadata" | field '["model"]')
[ "$after" != "$before" ] || { echo "still $before" >&2; exit 1; }
aval simulate card_default --url "http://127.0.0.1:$port" --into-real-log --weeks 1 --per-day 20 >sent.txt
tail -1 sent.txt
# Its figures are counted beside the answering: soon, and not at once.
for _ in $(seq 240); do
    curl -fsS "http://127.0.0.1:$port/dashboard.json" >dashboard.json
    [ "$(field '["caught_up"]' <dashboard.json)" = True ] && break
    sleep 1
done
python - "$before" "$after" <<'END'
import json, sys

shown = json.load(open("dashboard.json"))
for row in shown["models"]:
    print(row["model"], "decided", row["decisions"], "from", row["first"], "to", row["last"])
for mark in shown["marks"]:
    print(mark["at"], mark["kind"], mark["text"])
missing = set(sys.argv[1:]) - {row["model"] for row in shown["models"]}
sys.exit(f"the dashboard does not show {missing}" if missing else 0)
END
echo "$after was promoted and is served"
