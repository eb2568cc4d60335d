#!/bin/bash
# Stop the site, remove what it made in its state folder, and build/; say what stays.
# Works without build/venv too: servers are found by their pid files.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CONFIG=${HCVO_CONFIG:-etc/hcvo.toml}
readonly MARKER=.hcvo-site
# What a site makes in its state folder; nothing else there is touched.
readonly MADE=(postgres store staging raw truth logs run etc dachs inputs)

die() { printf 'clean: %s\n' "$*" >&2; exit 1; }

# As hcvo/config.py has it: environment, file, default.
state_folder() {
    local state=${HCVO_STATE:-}
    if [[ -z $state && -r $CONFIG ]]; then
        state=$(sed -nE '/^[[:space:]]*\[/q; s/^[[:space:]]*state[[:space:]]*=[[:space:]]*["'\''](.*)["'\''].*$/\1/p' "$CONFIG")
    fi
    if [[ -z $state ]]; then
        if ((EUID == 0)); then state=/var/lib/hcvo; else state=build/site; fi
    fi
    realpath --canonicalize-missing -- "$state"
}

# Process, session and start tick of a line of /proc/PID/stat; the name in it may have spaces.
stat_of() {
    local text fields
    text=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -ra fields <<<"${text##*) }"
    [[ ${fields[0]} == Z ]] || echo "$1 ${fields[3]} ${fields[19]}"
}

members_of() {
    local folder pid session
    for folder in /proc/[0-9]*; do
        read -r pid session _ < <(stat_of "${folder#/proc/}") || continue
        if [[ $session == "$1" ]]; then echo "$pid"; fi
    done
}

gone_within() { # seconds, then a command that prints process ids
    local try
    for ((try = 0; try < $1 * 5; try++)); do
        [[ -z $("${@:2}") ]] && return
        sleep 0.2
    done
    return 1
}

stop_web() {
    local file
    for file in "$1"/run/nginx.pid "$1"/run/dachs-*.pid; do stop_server "$file"; done
}

stop_server() {
    local pid started session now members signal
    read -r pid started session 2>/dev/null <"$1" || return 0
    # A process id used again is somebody else.
    read -r _ _ now < <(stat_of "$pid") || now=$started
    [[ $now == "$started" ]] || return 0
    for signal in TERM KILL; do
        mapfile -t members < <(members_of "$session")
        ((${#members[@]})) || return 0
        kill -s "$signal" "${members[@]}" 2>/dev/null || true
        if gone_within 10 members_of "$session"; then return; fi
    done
    die "the server of $1 does not end (process $pid); end it, then run again"
}

postgres_of() {
    local pid
    read -r pid 2>/dev/null <"$1/postgres/postmaster.pid" || return 0
    if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep --quiet --line-regexp --fixed-strings "$1/postgres"; then
        echo "$pid"
    fi
}

stop_postgres() {
    local pid
    pid=$(postgres_of "$1")
    [[ -n $pid ]] || return 0
    kill -s INT "$pid" || die "PostgreSQL of $1 (process $pid) belongs to somebody else"
    gone_within 60 postgres_of "$1" || die "PostgreSQL of $1 does not end (process $pid); end it, then run again"
}

remove_site() {
    local name
    [[ -e $1 ]] || return 0
    [[ -r $1 && -x $1 ]] || die "may not look into $1; be root, or the account that runs its servers"
    if [[ ! -f $1/$MARKER ]]; then
        echo "clean: $1 stays: it has no $MARKER, so no site made it"
        return
    fi
    stop_web "$1"
    stop_postgres "$1"
    for name in "${MADE[@]}"; do rm -rf -- "${1:?}/$name"; done
    rm -f -- "$1/$MARKER"
    if rmdir -- "$1" 2>/dev/null; then
        echo "clean: removed $1"
    else
        echo "clean: removed the site in $1; what else lies there stays"
    fi
}

remove_site "$(state_folder)"
# build/ goes next: a site in it must not lose its files under running servers.
remove_site "$PWD/build/site"
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
if [[ $(readlink /etc/systemd/system/nginx.service) == /dev/null ]]; then
    echo "  /etc/systemd/system/nginx.service, which keeps Debian's nginx from starting by itself"
fi
if getent passwd "${HCVO_ACCOUNT:-hcvo}" >/dev/null; then echo "  the account ${HCVO_ACCOUNT:-hcvo}"; fi
