#!/usr/bin/env bash
# Puts a text into the one comment of a pull request that carries a mark; makes the comment where there is none.
#   comment.sh PULL_REQUEST MARK FILE      with GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN, as workflows have them
set -euo pipefail

[ "$#" = 3 ] || { echo "usage: comment.sh PULL_REQUEST MARK FILE" >&2; exit 2; }
repository=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY
mark="<!-- $2 -->"

# Through a pipe: a command's arguments can be read by every process of the machine.
ask() {
    curl -fsS --retry 3 -H 'accept: application/vnd.github+json' \
        -K <(printf 'header = "authorization: Bearer %s"\n' "$GITHUB_TOKEN") "$@"
}

# GitHub takes 65,536 characters.
body=$(jq -n --arg mark "$mark" --rawfile said "$3" '{body: ($mark + "\n" + $said)[:65000]}')
comment=$(ask "$repository/issues/$1/comments?per_page=100" |
    jq -r --arg mark "$mark" '[.[] | select(.body | startswith($mark))][0].id // empty')
if [ -n "$comment" ]; then
    ask -X PATCH "$repository/issues/comments/$comment" -d "$body" >/dev/null
else
    ask -X POST "$repository/issues/$1/comments" -d "$body" >/dev/null
fi
