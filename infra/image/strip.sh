#!/bin/sh
# strip.sh: in the image's build, takes what installs packages out of the base, and makes the user and its folders.
set -eu
rm -rf /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/dist-packages/* \
    /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip* /usr/local/bin/wheel /opt/aval/strip.sh

echo "aval:x:10001:10001::/var/lib/aval:/usr/sbin/nologin" >>/etc/passwd
echo "aval:x:10001:" >>/etc/group
mkdir -p /run/aval /var/lib/aval/store
(cd /var/lib/aval/store && mkdir bentos envs models tmp)
chown -R 10001:10001 /run/aval /var/lib/aval
find /run/aval /var/lib/aval /etc/passwd /etc/group /opt/aval -exec touch -d @315532800 {} +
