#!/usr/bin/env bash
# Says as NAME=VALUE lines which images a workflow run builds, from which code, and whether they are published.
#   wanted.sh EVENT REF_TYPE [USE_CASE]
# Published is what stands on a tag of the code and on a champion that was exported. RELEASES says to where, as a JSON
# object: {"credit_risk": "s3://bucket/credit_risk"}. All else is built with a model of generated records, and stays.
set -euo pipefail

event=$1
ref_type=$2
use_case=${3:-}
releases=${RELEASES:-}
releases=${releases:-'{}'}
code=$(git rev-parse HEAD)

case $event in
    repository_dispatch | schedule)
        # A promoted model, or a newer base, changes no code: they go out with what was released last.
        if latest=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
            code=$(git rev-list -n 1 "$latest")
            ref_type=tag
        fi
        ;;
esac
if [ -n "$use_case" ] && ! [[ $use_case =~ ^[a-z][a-z0-9_]{1,26}$ ]]; then
    echo "'$use_case' is no name of a use case: lower-case letters, digits and _" >&2
    exit 2
fi

builds='[]'
if [ "$ref_type" = tag ]; then
    builds=$(jq -c --arg only "$use_case" \
        'to_entries | map(select($only == "" or .key == $only) | {use_case: .key, release: .value})' <<<"$releases")
fi
publish=true
if [ "$builds" = '[]' ]; then
    publish=false
    [ "$ref_type" != tag ] || echo "::notice::not published: RELEASES names no release of ${use_case:-any use case}" >&2
    builds=$(jq -nc --arg name "${use_case:-credit_risk}" '[{use_case: $name, release: ""}]')
fi
echo "code=$code"
echo "publish=$publish"
# The training image is the same beside every serving image, and published once.
echo "builds=$(jq -c 'to_entries | map(.value + {train: (.key == 0)})' <<<"$builds")"
