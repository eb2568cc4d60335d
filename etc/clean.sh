#!/bin/bash
# Stop the site, remove the state folder and build/; say what stays.
set -euo pipefail
cd "$(dirname "$0")/.."

state=''
if [[ -x build/venv/bin/hcvo ]]; then
    build/venv/bin/hcvo site down
    state=$(build/venv/bin/python -c 'from hcvo.config import load_settings; print(load_settings().state)')
elif ((EUID == 0)); then
    state=${HCVO_STATE:-/var/lib/hcvo}
fi
# Only a folder that a site has made goes.
if [[ -n $state && -e $state/postgres/hcvo.conf ]]; then
    if [[ -e $state/postgres/postmaster.pid ]]; then
        echo "clean: PostgreSQL of $state still runs or was killed; run 'make up' and 'make down', then again" >&2
        exit 1
    fi
    rm -rf -- "$state"
    echo "clean: removed $state"
fi
rm -rf -- build
echo "clean: removed build/"
echo "clean: these stay, remove them by hand if you want to:"
echo "  Debian packages of etc/apt-packages.txt and what they brought"
for path in /etc/apt/sources.list.d/hcvo-trixie.* /etc/apt/preferences.d/hcvo-trixie \
    /usr/share/postgresql/15/extension/pg_sphere--1.2.0hcvo.sql; do
    if [[ -e $path ]]; then echo "  $path"; fi
done
if grep -qs '^create_main_cluster = false' /etc/postgresql-common/createcluster.conf; then
    echo "  create_main_cluster = false in /etc/postgresql-common/createcluster.conf"
fi
if getent passwd "${HCVO_ACCOUNT:-hcvo}" >/dev/null; then echo "  the account ${HCVO_ACCOUNT:-hcvo}"; fi
