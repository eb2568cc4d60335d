#!/bin/bash
# Install what hcvo needs on Debian 12: apt packages, the servers' account, build/venv, STILTS.
# Each step looks first and acts only when something is missing; a second run takes about a second.
set -euo pipefail
# What is made here, others must be able to read: the servers run as an account of their own.
umask 022
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."

readonly ACCOUNT=${HCVO_ACCOUNT:-hcvo}
readonly TRIXIE_SOURCES=/etc/apt/sources.list.d/hcvo-trixie
readonly TRIXIE_PIN=/etc/apt/preferences.d/hcvo-trixie
readonly STILTS=build/stilts

say() { printf 'install: %s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

names_in() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1"; }
wanted_packages() { names_in etc/apt-packages.txt; }

installed_version() {
    dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed -n 's/^installed //p' || true
}

missing_packages() {
    local name
    for name in $(wanted_packages); do
        if [[ -z $(installed_version "$name") ]]; then echo "$name"; fi
    done
}

# DaCHS below 2.11 lacks what resources/ is written for (SIA2 parameters, DataLink 1.1). One that this machine
# has already may serve others' data: whoever runs it must say when it is upgraded.
require_new_dachs() {
    local version
    version=$(installed_version python3-gavo)
    if [[ -n $version ]] && dpkg --compare-versions "$version" lt 2.11; then
        die "this machine has DaCHS $version (python3-gavo), wanted 2.11 or newer; it is left as it is: upgrade it" \
            "yourself if nothing else needs it (trixie has 2.11), or use another machine or etc/Containerfile"
    fi
}

require_debian_12() {
    local id='' version=''
    if [[ -r /etc/os-release ]]; then
        id=$(. /etc/os-release && echo "${ID:-}")
        version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    fi
    [[ $id == debian && $version == 12 ]] && return 0
    if ! command -v dpkg-query >/dev/null; then
        die "this system is '$id $version', wanted Debian 12 with: $(wanted_packages | xargs). Use etc/Containerfile."
    fi
    local missing
    missing=$(missing_packages | xargs)
    [[ -z $missing ]] || die "this system is '$id $version', wanted Debian 12; missing: $missing. Use etc/Containerfile."
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "need root for '$*' and there is no sudo; run 'etc/install.sh' once as root"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get --quiet --yes \
        --option DPkg::Lock::Timeout=300 --option Acquire::Retries=2 \
        --option Acquire::http::Timeout=30 --option Acquire::https::Timeout=30 "$@"
}

# A foreign source that does not answer must not stop us: what we need is checked when it is installed.
apt_update() { apt update || say "some package source of this machine did not answer; going on"; }

# Where this machine gets bookworm's main from: "file" of the first such entry.
bookworm_entry() {
    apt-get indextargets --format '$(SOURCESENTRY)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' |
        sed -n '1s/:[0-9]*$//p'
}

# The same entry with trixie instead of bookworm: mirror, keys and options stay the machine's own.
trixie_entry() {
    local names='(bookworm|oldstable|stable)'
    case $1 in
        *.sources)
            sed '/^#/d' "$1" | awk -v RS= -v names="(^|[ \t])$names([ \t\n]|$)" '
                match($0, /(^|\n)Suites:[^\n]*/) && substr($0, RSTART, RLENGTH) ~ names { print; exit }' |
                sed -E -e 's/^Types:.*/Types: deb/' -e 's/^Suites:.*/Suites: trixie/' -e 's/^Components:.*/Components: main/'
            ;;
        *)
            sed -nE "s/^deb[[:space:]]+((\[[^]]*\][[:space:]]+)?[^[:space:]]+)[[:space:]]+$names[[:space:]].*/deb \1 trixie main/p" "$1" |
                sed -n 1p
            ;;
    esac
}

write_as_root() { as_root tee "$1" >/dev/null; }

add_trixie() {
    [[ -e $TRIXIE_PIN ]] && compgen -G "$TRIXIE_SOURCES.*" >/dev/null && return
    local entry text
    entry=$(bookworm_entry)
    [[ -n $entry ]] || die "no apt source for Debian bookworm main found in /etc/apt; add one, then run again"
    text=$(trixie_entry "$entry")
    [[ -n $text ]] || die "cannot derive trixie's apt source from $entry; write $TRIXIE_SOURCES.list yourself"
    write_as_root "$TRIXIE_PIN" <<'PIN'
# Written by hcvo (etc/install.sh): DaCHS 2.11 from trixie, nothing else of trixie.
Package: gavodachs2-server python3-gavo* python3-python-multipart
Pin: release n=trixie
Pin-Priority: 990

Package: *
Pin: release n=trixie
Pin-Priority: -10
PIN
    write_as_root "$TRIXIE_SOURCES.${entry##*.}" <<<"$text"
    apt_update
}

# Debian's package would make and start a cluster of its own; the site has one.
install_postgresql() {
    [[ -n $(installed_version postgresql-15) ]] && return
    apt install --no-install-recommends postgresql-common
    as_root sed -i -E 's/^#?[[:space:]]*create_main_cluster.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf
}

# Debian's package would start an nginx of the machine's own on port 80, now and at each boot.
readonly NGINX_MASK=/etc/systemd/system/nginx.service
readonly NO_STARTS=/usr/sbin/policy-rc.d

install_nginx() {
    [[ -n $(installed_version nginx) ]] && return
    if [[ ! -e $NGINX_MASK && ! -L $NGINX_MASK ]]; then
        as_root mkdir -p "${NGINX_MASK%/*}"
        as_root ln -s /dev/null "$NGINX_MASK"
    fi
    if [[ -e $NO_STARTS ]]; then
        apt install --no-install-recommends nginx
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | write_as_root "$NO_STARTS"
    as_root chmod 755 "$NO_STARTS"
    local failed=0
    apt install --no-install-recommends nginx || failed=1
    as_root rm -f "$NO_STARTS"
    ((failed == 0)) || die "apt did not bring nginx"
}

install_packages() {
    local missing
    missing=$(missing_packages | xargs)
    [[ -z $missing ]] && return
    say "Debian packages: $missing"
    apt_update
    add_trixie
    install_postgresql
    install_nginx
    # shellcheck disable=SC2086  # a list of names
    apt install --no-install-recommends $missing
    missing=$(missing_packages | xargs)
    [[ -z $missing ]] || die "apt did not bring: $missing"
}

# PostgreSQL 15.19 and later refuse pgSphere 1.2.0's script: two old operators claim the commutator and
# negator that newer ones have. Put a version without these two claims beside it, for databases to ask for.
repair_pgsphere() {
    local folder=/usr/share/postgresql/15/extension
    local original=$folder/pg_sphere--1.2.0.sql repaired=$folder/pg_sphere--1.2.0hcvo.sql
    [[ -e $original && $original -nt $repaired ]] || return 0
    say "a pgSphere script that PostgreSQL's newest minor release accepts: $repaired"
    awk '
        /^CREATE OPERATOR @ \($/ { inside = 1; ours = 0 }
        !inside { print; next }
        /RIGHTARG *= *smoc,/ { ours = 1 }
        !(ours && /COMMUTATOR|NEGATOR/) { print }
        /^\);/ { inside = 0 }
    ' "$original" | write_as_root "$repaired"
}

make_account() {
    ((EUID == 0)) || return 0
    getent passwd "$ACCOUNT" >/dev/null && return
    say "account $ACCOUNT (runs the servers, cannot log in)"
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$ACCOUNT"
}

make_venv() {
    local stamp=build/venv/.pyproject.sha256 digest
    digest=$(sha256sum pyproject.toml)
    [[ -x build/venv/bin/hcvo && -e $stamp && $(<"$stamp") == "$digest" ]] && return
    say "Python packages into build/venv"
    # Interrupted, it may lack pip.
    build/venv/bin/python -m pip --version &>/dev/null || /usr/bin/python3 -m venv --clear build/venv
    build/venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    printf '%s\n' "$digest" >"$stamp"
}

unpack_stilts() {
    local stamp=$STILTS/.packages.sha256 digest
    digest=$(sha256sum etc/stilts-packages.txt)
    [[ -e $stamp && $(<"$stamp") == "$digest" ]] && return
    say "STILTS from trixie into $STILTS"
    add_trixie
    rm -rf "$STILTS" && mkdir -p "$STILTS/debs"
    local names deb
    mapfile -t names < <(names_in etc/stilts-packages.txt | sed 's:$:/trixie:')
    # Once more with fresh lists: a deb may have gone from the mirror since.
    (cd "$STILTS/debs" && apt-get --quiet download "${names[@]}") ||
        { apt_update && (cd "$STILTS/debs" && apt-get --quiet download "${names[@]}"); }
    for deb in "$STILTS"/debs/*.deb; do dpkg-deb --extract "$deb" "$STILTS"; done
    rm -rf "$STILTS/debs"
    printf '%s\n' "$digest" >"$stamp"
}

require_debian_12
require_new_dachs
install_packages
repair_pgsphere
make_account
make_venv
unpack_stilts
