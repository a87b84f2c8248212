#!/usr/bin/env bash
# Plans or applies an environment, with the images that run there except where others are named.
#   deploy.sh plan ENVIRONMENT [IMAGES]
#       prints the plan; changes and locks nothing
#   deploy.sh apply ENVIRONMENT [IMAGES] [KEY_FILE] [SECONDS] [PLAN]
#       applies it and asks every service for a decision, for so many seconds (120)
# PLAN is what `plan` printed: nothing else than that is applied.
# Exit codes: 0 every service decides; 1 the apply failed or one does not decide, and the images before are applied again;
# 2 wrong use; 3 one could not be asked from here, and nothing is taken back; 4 there is another plan now than PLAN. After
# 2 and 4 nothing was changed.
# IMAGES is a JSON file, {"credit_risk": "REPOSITORY@sha256:…"} or {"credit_risk": {"image": "REPOSITORY@sha256:…",
# "model": "credit_risk:VERSION"}}, null for what shall run no longer; KEY_FILE holds an API key of the scopes predict and read.
set -euo pipefail

usage() { echo "usage: deploy.sh plan|apply ENVIRONMENT [IMAGES] [KEY_FILE] [SECONDS] [PLAN]" >&2; exit 2; }

case "${1-}" in plan | apply) ;; *) usage ;; esac
step=$1
environment=${2:-}
images=${3:-}
key_file=${4:-}
seconds=${5:-120}
plan_file=${6:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jq -es 'add // {} | if type == "object" then . else error("IMAGES must be a JSON object") end' "${images:-/dev/null}" \
    >"$work/named.json" || usage
for file in "$key_file" "$plan_file"; do
    [ -z "$file" ] || [ -f "$file" ] || { echo "there is no file '$file'" >&2; exit 2; }
done
# What smoke.py would refuse is refused before anything is applied, and not after it.
if [ -n "$key_file" ] && [ "$(wc -w <"$key_file")" -ne 1 ]; then
    echo "KEY_FILE '$key_file' holds $(wc -w <"$key_file" | tr -d ' ') words; it must hold one, the secret that \`aval keys create\` printed" >&2
    exit 2
fi
[ -z "$key_file" ] || key_file=$(cd "$(dirname "$key_file")" && pwd)/$(basename "$key_file")
[ -z "$plan_file" ] || cp "$plan_file" "$work/approved"

cd "$(dirname "${BASH_SOURCE[0]}")"
[ -f "environments/$environment.tfvars" ] || {
    echo "there is no environment '$environment'; there are: $(cd environments && echo *.tfvars)" >&2
    exit 2
}
export TF_IN_AUTOMATION=1

say() { printf '\n== %s\n' "$*" >&2; }

planned() { # IMAGES.json, then options of plan
    jq '{images: .}' "$1" >"$work/images.tfvars.json"
    terraform plan -input=false -no-color -out="$work/plan" \
        -var-file="environments/$environment.tfvars" -var-file="$work/images.tfvars.json" "${@:2}" >"$work/log" ||
        { cat "$work/log" >&2; return 1; }
}

is_approved() {
    [ ! -f "$work/approved" ] || {
        terraform show -no-color "$work/plan" >"$work/shown" && diff "$work/approved" "$work/shown" >&2
    }
}

applied() {
    terraform apply -input=false -no-color "$work/plan" >&2
}

decide() { # yes: the model that an image was named with must be served. Returns 3 where one could not be asked
    local use_case url model code outcome=0
    terraform output -json urls | jq -r 'to_entries[] | [.key, .value] | @tsv' >"$work/urls" || return 1
    while IFS=$'\t' read -r use_case url; do
        say "$use_case at $url"
        model=$(jq -r --arg name "$use_case" '.[$name].model? // ""' "$work/named.json")
        [ "$1" = yes ] || model=
        code=0
        python3 ../tests/e2e/smoke.py "$url" --within "$seconds" ${key_file:+--key-file "$key_file"} \
            ${model:+--model "$model"} >&2 || code=$?
        case $code in
            0) ;;
            2 | 3) outcome=3 ;;
            *) return 1 ;;
        esac
    done <"$work/urls"
    return "$outcome"
}

terraform init -input=false -no-color -reconfigure -lockfile=readonly \
    -backend-config="environments/$environment.backend.hcl" >"$work/log" || { cat "$work/log" >&2; exit 1; }
terraform output -json | jq '.images.value // {}' >"$work/before.json"
jq -s '.[0] + (.[1] | map_values(.image? // .)) | with_entries(select(.value))' "$work/before.json" "$work/named.json" >"$work/wanted.json"

if [ "$step" = plan ]; then
    planned "$work/wanted.json" -lock=false
    terraform show -no-color "$work/plan"
    exit
fi

say "$environment: apply"
outcome=1
if planned "$work/wanted.json"; then
    is_approved || {
        say "$environment would now be changed in another way than was planned ('>' above): nothing was; plan again"
        exit 4
    }
    if applied; then
        outcome=0
        decide yes || outcome=$?
    fi
fi
case $outcome in
    0) say "$environment is deployed"; exit ;;
    3)
        say "$environment is applied; from here it could not be asked, so nothing is taken back. Ask it from where callers are: make smoke"
        exit 3
        ;;
esac
if [ "$(jq -S . "$work/before.json")" = "$(jq -S . "$work/wanted.json")" ] || [ "$(cat "$work/before.json")" = '{}' ]; then
    say "$environment is not as it should be, and there are no other images to go back to: revert the change of infra/"
    exit 1
fi
say "$environment was not applied, or does not decide: back to the images before"
outcome=1
if planned "$work/before.json" && applied; then
    outcome=0
    decide no || outcome=$?
fi
case $outcome in
    0) say "$environment decides again, with the images before" ;;
    3) say "$environment has the images before; from here it could not be asked: a person has to (make smoke)" ;;
    *) say "$environment IS NOT AS IT SHOULD BE, also with the images before: a person has to look (infra/RUNBOOK.md)" ;;
esac
exit 1
