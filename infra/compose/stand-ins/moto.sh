#!/usr/bin/env bash
# Puts moto, the S3 of stand-ins.yaml, into a folder: pure Python, in the versions and with the hashes of requirements.lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
lock=../../../requirements.lock
[ ! -e moto/.done ] || exit 0
rm -rf moto
wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT
for name in moto responses xmltodict py-partiql-parser; do
    awk -v name="$name" '$1 ~ "^" name "(\\[.*\\])?==" { found = 1; sub(/\[[^]]*\]/, ""); print; next } found && /^ / { print; next } { found = 0 }' "$lock"
done >"$wanted"
python=$(command -v python || command -v python3)
"$python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes --target moto -r "$wanted"
touch moto/.done
