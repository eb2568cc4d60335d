#!/bin/bash
# Lint, format, types, import contracts, docstrings: each tool once; all run, any failure fails.
set -uo pipefail
cd "$(dirname "$0")/.."
readonly BIN=build/venv/bin
readonly PACKAGES=(hcvo reduce ingest)
failed=()

check() {
    printf 'check: %s\n' "$*"
    "$BIN/$1" "${@:2}" || failed+=("$1")
}

check ruff check
check ruff format --check
check mypy "${PACKAGES[@]}" tests
check lint-imports
check pydoclint --quiet "${PACKAGES[@]}"
if ((${#failed[@]})); then
    printf 'check: failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
echo "check: clean"
