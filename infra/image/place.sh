#!/bin/sh
# place.sh SRC TARGET: in the image's build, lays out what is ours: code that is compiled, and the model store.
set -eu
src=$1 target=$2

mkdir -p "$target/code/infra/image" "$target/store"
for folder in service training; do
    if [ -d "$src/$folder" ]; then cp -R "$src/$folder" "$target/code/"; fi
done
install -m 0755 "$src/infra/image/entrypoint.sh" "$src/infra/image/healthy.sh" "$target/code/infra/image/"
if [ -d "$src/store" ]; then cp -R "$src/store/." "$target/store/"; fi
# BentoML makes these on every start, where it can.
(cd "$target/store" && mkdir -p bentos envs models tmp)
install -m 0755 "$src/infra/image/strip.sh" "$target/strip.sh"

python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$target/code"
chmod -R u=rwX,go=rX "$target/code" "$target/store"
find "$target" -exec touch -h -d @315532800 {} +
