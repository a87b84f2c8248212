#!/usr/bin/env bash
# Pushes a local image under its own tag, and prints what the registry then holds: REPOSITORY@sha256:…
#   push.sh aval/credit_risk:TAG registry.example.com/aval/credit_risk
set -euo pipefail

usage() { echo "usage: push.sh IMAGE:TAG REPOSITORY" >&2; exit 2; }

[ "$#" = 2 ] && [ -n "$2" ] || usage
image=$1
repository=$2
tag=${image##*:}
[ "$tag" != "$image" ] || usage
# The stand-ins are made from whatever this machine has, so what stands on one must not leave it.
if [ -n "$(docker image inspect --format '{{index .Config.Labels "aval.stand-in"}}' "$image")" ]; then
    case $repository in
        localhost:* | 127.0.0.1:*) ;;
        *) echo "$image stands on a stand-in base, which is never published; build it on a machine that can pull" >&2; exit 1 ;;
    esac
fi

digest_of() { sed -n 's/^.*[Dd]igest: \(sha256:[0-9a-f]\{64\}\).*$/\1/p'; }
held() { (docker pull "$1" 2>/dev/null || true) | digest_of; }
id_of() { docker image inspect --format '{{.Id}}' "$1"; }

id=$(id_of "$image")
place=$repository:$tag
# Registries whose tags cannot be moved refuse one that is there, even for the same image.
digest=$(held "$place")
if [ -n "$digest" ] && [ "$(id_of "$place")" != "$id" ]; then
    # A tag names bundle and code. On a newer base the same two are another image, and get a tag of their own.
    place=$place-${id:7:12}
    digest=$(held "$place")
fi
if [ -z "$digest" ]; then
    docker tag "$image" "$place"
    said=$(docker push "$place")
    echo "$said" >&2
    digest=$(digest_of <<<"$said")
fi
[ -n "$digest" ] || { echo "the engine named no digest of $place" >&2; exit 1; }
echo "$repository@$digest"
