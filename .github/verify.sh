#!/usr/bin/env bash
# Says whether every image of the file IMAGES (as infra/deploy.sh takes it) is one of REGISTRY that image.yml of this
# repository built on main or for a tag `v*`. A branch's image.yml may be anybody's who can push; its signature tells.
#   verify.sh REGISTRY IMAGES
set -euo pipefail

registry=$1
by="^$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/.github/workflows/image.yml"
by="${by//./\\.}@refs/(heads/main|tags/v[^/]+)$"
jq -r '.[] | .image? // . | strings' "$2" | while read -r image; do
    case $image in
        "$registry"/*) ;;
        *)
            echo "'$image' is not of $registry, the registry of the account that is deployed to; push it there" >&2
            exit 1
            ;;
    esac
    gh attestation verify "oci://$image" --repo "$GITHUB_REPOSITORY" --cert-identity-regex "$by" \
        --deny-self-hosted-runners </dev/null
done
