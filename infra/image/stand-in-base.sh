#!/usr/bin/env bash
# Makes stand-ins for `debian:bookworm-slim` and `python:3.11-slim` where no registry gives them: Debian's own packages,
# from the mirror that apt is configured with. Does nothing for an image that is there or can be pulled.
# NEVER publish an image that stands on one of them: nobody but this machine vouches for it.
set -euo pipefail

suite=bookworm
debian=debian:bookworm-slim
python=python:3.11-slim
label=aval.stand-in

missing() {
    ! docker image inspect "$1" >/dev/null 2>&1 && ! timeout 60 docker pull -q "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The first mirror of Debian's main archive; on an Ubuntu there is none, but there the images can be pulled.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v suite="$1" '$2 == suite && $3 == "main" { print $1; exit }'
}

inside() {
    as_root chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

publish() {
    as_root tar -C "$root" --sort=name --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* \
        --exclude=./usr/share/doc/* --exclude=./usr/share/man/* --exclude=./usr/share/locale/* \
        --exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/* --exclude=./var/log/* --numeric-owner -c . |
        docker import --change "LABEL $label=never-publish" --change 'CMD ["bash"]' "${@:2}" - "$1" >/dev/null
    echo "STAND-IN BASE: $1 was made from Debian packages; images on it must NEVER be published." >&2
}

needed=()
for image in "$debian" "$python"; do if missing "$image"; then needed+=("$image"); fi; done
[ "${#needed[@]}" -gt 0 ] || exit 0

command -v debootstrap >/dev/null || {
    echo "neither is ${needed[*]} here nor can it be pulled, and to make a stand-in debootstrap is missing:" \
        "apt-get install debootstrap (Debian), or log in to a registry that has it" >&2
    exit 1
}
archive=$(mirror "$suite")
[ -n "$archive" ] || { echo "apt knows no mirror of Debian $suite to make ${needed[*]} from" >&2; exit 1; }

work=$(mktemp -d)
trap 'as_root rm -rf "$work"' EXIT
root=$work/root

echo "Making ${needed[*]} with debootstrap (a minute or two)" >&2
as_root debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$archive" >"$work/log" ||
    { tail -n 20 "$work/log" >&2; exit 1; }
{
    echo "deb $archive $suite main"
    for more in "$suite-updates" "$suite-security"; do
        found=$(mirror "$more")
        [ -z "$found" ] || echo "deb $found $more main"
    done
} | as_root tee "$root/etc/apt/sources.list" >/dev/null
# What the containers look names up with is theirs, given by the engine.
as_root cp /etc/resolv.conf "$root/etc/resolv.conf"
inside apt-get update -qq
inside apt-get upgrade -y -qq >"$work/log"
publish "$debian"

inside apt-get install -y -qq --no-install-recommends python3 python3-pip >>"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; exit 1; }
# As in the image that it stands in for: Python in /usr/local/bin with a pip of its own, and nobody else's to install into.
inside sh -c 'cp -a /usr/lib/python3/dist-packages/pip /usr/local/lib/python3.11/dist-packages/'
inside apt-get purge -y -qq --auto-remove python3-pip >>"$work/log" 2>&1
inside ln -s ../../bin/python3 /usr/local/bin/python3
inside ln -s ../../bin/python3 /usr/local/bin/python
inside rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
publish "$python" --change 'ENV LANG=C.UTF-8' --change 'CMD ["python3"]'
