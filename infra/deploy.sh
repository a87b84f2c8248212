#!/usr/bin/env bash
# Plans or applies an environment, with the images that run there except where others are named.
#   deploy.sh plan ENVIRONMENT [IMAGES]
#       prints the plan; changes and locks nothing
#   deploy.sh apply ENVIRONMENT [IMAGES] [KEY_FILE] [SECONDS]
#       applies it and asks every service for a decision, for so many seconds (120); where one gives none, the images
#       before are applied again, and the exit code is 1
# IMAGES is a JSON file, {"credit_risk": "REPOSITORY@sha256:…"} or {"credit_risk": {"image": "REPOSITORY@sha256:…",
# "model": "credit_risk:VERSION"}}, null for what shall run no longer; KEY_FILE holds an API key of the scopes predict and read.
set -euo pipefail

usage() { echo "usage: deploy.sh plan|apply ENVIRONMENT [IMAGES] [KEY_FILE] [SECONDS]" >&2; exit 2; }

case "${1-}" in plan | apply) ;; *) usage ;; esac
step=$1
environment=${2:-}
images=${3:-}
key_file=${4:-}
seconds=${5:-120}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jq -es 'add // {} | if type == "object" then . else error("IMAGES must be a JSON object") end' "${images:-/dev/null}" \
    >"$work/named.json" || usage
[ -z "$key_file" ] || key_file=$(cd "$(dirname "$key_file")" && pwd)/$(basename "$key_file")

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

applied() { # IMAGES.json
    planned "$1" && terraform apply -input=false -no-color "$work/plan" >&2
}

decides() { # yes: the model that an image was named with must be served
    local use_case url model
    terraform output -json urls | jq -r 'to_entries[] | [.key, .value] | @tsv' >"$work/urls" || return 1
    while IFS=$'\t' read -r use_case url; do
        say "$use_case at $url"
        model=$(jq -r --arg name "$use_case" '.[$name].model? // ""' "$work/named.json")
        [ "$1" = yes ] || model=
        python3 ../tests/e2e/smoke.py "$url" --within "$seconds" ${key_file:+--key-file "$key_file"} \
            ${model:+--model "$model"} >&2 || return 1
    done <"$work/urls"
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
if applied "$work/wanted.json" && decides yes; then
    say "$environment is deployed"
    exit
fi
if [ "$(jq -S . "$work/before.json")" = "$(jq -S . "$work/wanted.json")" ] || [ "$(cat "$work/before.json")" = '{}' ]; then
    say "$environment is not as it should be, and there are no other images to go back to: revert the change of infra/"
    exit 1
fi
say "$environment was not applied, or does not decide: back to the images before"
if applied "$work/before.json" && decides no; then
    say "$environment decides again, with the images before"
else
    say "$environment IS NOT AS IT SHOULD BE, also with the images before: a person has to look (infra/RUNBOOK.md)"
fi
exit 1
