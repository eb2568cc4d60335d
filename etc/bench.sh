#!/bin/bash
# Benchmarks: each times itself and prints goal and value.
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'TEXT'
No benchmark has a script of its own yet. Times that are kept so far:
  make demo       prints how long each step took
  make test       pytest --durations=10 shows the slowest tests
TEXT
