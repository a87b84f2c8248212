#!/usr/bin/env bash
# Pushes what `make image` built to a registry, and says as NAME=VALUE lines what it is there.
#   publish.sh USE_CASE TRAIN REGISTRY      TRAIN: true to push the training image too
# dist/published/USE_CASE.json then holds it as infra/deploy.sh takes it: {"credit_risk": {"image": …, "model": …}, …}.
set -euo pipefail

use_case=$1
train=$2
registry=$3
built=dist/image/$use_case.json
here=$(dirname "${BASH_SOURCE[0]}")

pushed() { bash "$here/push.sh" "$(jq -r ".$1" "$built")" "$registry/aval/$2"; }

mkdir -p dist/published
image=$(pushed image "$use_case")
echo "name=${image%@*}"
echo "digest=${image#*@}"
trained=
if [ "$train" = true ]; then
    trained=$(pushed train_image train)
    echo "train_name=${trained%@*}"
    echo "train_digest=${trained#*@}"
fi
jq --arg name "$use_case" --arg image "$image" --arg train "$trained" \
    '{($name): {image: $image, model: "\($name):\(.bundle)"}}
     + if $train == "" then {} else {train: {image: $train}} end' "$built" >"dist/published/$use_case.json"
