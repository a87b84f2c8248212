#!/bin/sh
# strip.sh [PACKAGE...]: in the image's build, adds Debian's packages to the base, takes what installs Python's out of it,
# and makes the user and its folders.
set -eu
if [ "$#" -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
fi
rm -rf /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/dist-packages/* \
    /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip* /usr/local/bin/wheel /opt/aval/strip.sh

echo "aval:x:10001:10001::/var/lib/aval:/usr/sbin/nologin" >>/etc/passwd
echo "aval:x:10001:" >>/etc/group
mkdir -p /run/aval /var/lib/aval/segments /var/lib/aval/store
(cd /var/lib/aval/store && mkdir bentos envs models tmp)
chown -R 10001:10001 /run/aval /var/lib/aval
find /run/aval /var/lib/aval /etc/passwd /etc/group /opt/aval -exec touch -d @315532800 {} +
