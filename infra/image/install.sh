#!/bin/sh
# install.sh LOCK LEFT_OUT VENV: in the image's build, installs what the lock names and nothing else, without what
# LEFT_OUT names, and compiles it. Equal wheels give equal files, their times included.
set -eu
lock=$1 left_out=$2 venv=$3

python3 -m venv --without-pip "$venv"
offline=
ls /build/*.whl >/dev/null 2>&1 && offline="--no-index --find-links /build"
# shellcheck disable=SC2086  # two words, or none
python3 -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
    --no-deps --require-hashes --root-user-action ignore $offline -r "$lock"

cd "$venv"/lib/python3.*/site-packages
sed -e 's/#.*//' -e '/^ *$/d' "$left_out" | while read -r pattern but kept; do
    if [ -z "$but" ]; then
        find . -path "./$pattern" -prune -exec rm -rf {} +
    else
        for folder in "$pattern"/*/; do
            case " $kept " in *" $(basename "$folder") "*) ;; *) rm -rf "$folder" ;; esac
        done
    fi
done

# `import service` and `import training` work in whatever folder a command is run.
echo /opt/aval/code >aval.pth
if [ -d mlflow ]; then
    printf '%s\n' "#!$venv/bin/python" 'from training.cli import main' 'main()' >"$venv/bin/aval"
    chmod 0755 "$venv/bin/aval"
fi

# Not by their times: those are all the same here. Nobody changes a source in an image.
"$venv/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash .
find "$venv" -exec touch -h -d @315532800 {} +
