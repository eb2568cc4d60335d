#!/bin/bash
# Benchmarks: none yet.
set -euo pipefail
cat <<'TEXT'
bench: there is no benchmark yet; each comes with its issue: Level 1, Level 2, the archive under load
TEXT
