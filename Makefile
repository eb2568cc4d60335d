# Thin: etc/install.sh makes the tools, the program hcvo does the work. `make` alone shows this list.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
BIN := build/venv/bin

.PHONY: help install demo test check up down status clean lint-vo test-embargo test-hostile truth-spine truth-level1 truth-level2 bench-ingest bench-level1 bench-level2 agree-level2 realism mutants

help: ## show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

install: ## install what is missing on Debian 12 (the others call it)
	@etc/install.sh

demo: install ## a simulated night from raw frames to TAP, truth beside what was found
	@$(BIN)/hcvo demo

test: install check ## lint, types, contracts, then every test
	@$(BIN)/python -m pytest

check: install ## ruff, mypy, import contracts, docstrings
	@etc/check.sh

up: install ## start the site: PostgreSQL and DaCHS; returns when TAP answers
	@$(BIN)/hcvo site up

down: install ## stop the site; data stay
	@$(BIN)/hcvo site down

status: install ## what runs, where, with how many products
	@$(BIN)/hcvo site status

lint-vo: install ## the Virtual Observatory's validators against the running site
	@$(BIN)/hcvo site lint

test-embargo: install ## every route of the services, asked for what is not public
	@$(BIN)/python -m tests.embargo

test-hostile: install ## thousands of bad requests to a site of its own: none fails it, hangs, or is told what is private (COUNT=2000)
	@$(BIN)/python -m tests.hostile $(if $(COUNT),--count $(COUNT))

truth-spine: install ## the demo for ten seeds: planted against found (SEEDS="1 2 3" for others)
	@$(BIN)/python -m tests.truth.spine $(SEEDS)

truth-level1: install ## level 1 on nights of every mode: planted against found (SCENARIOS="h23-pupil k12-sky" for some)
	@$(BIN)/python -m tests.truth.level1 $(SCENARIOS)

truth-level2: install ## level 2 on simulated cubes and beta Pictoris: planted against found (ALGORITHMS="pca cadi" for some)
	@$(BIN)/python -m tests.truth.level2 $(ALGORITHMS)

bench-ingest: install ## 100,000 products with provenance into an empty catalogue: rows a second; killed 20 times, resumed (PRODUCTS=20000 KILLS=5)
	@$(BIN)/python -m tests.bench.ingest $(if $(PRODUCTS),--products $(PRODUCTS)) $(if $(KILLS),--kills $(KILLS))

bench-level1: install ## level 1 beside vlt-sphere on the same frames: time, memory, error of resampling
	@$(BIN)/python -m tests.bench.level1

bench-level2: install ## level 2 beside VIP and pyklip on the same cubes: time, memory, growth (JOBS="PCA LOCI" for some; growth, scale, memory)
	@$(BIN)/python -m tests.bench.level2 $(JOBS)

agree-level2: install ## level 2 against VIP and pyklip where they compute the same: largest differences
	@$(BIN)/python -m tests.bench.agreement

realism: install ## simulated frames against published SPHERE figures
	@$(BIN)/hcvo simulate --realism

mutants: install ## do the tests kill faults made by hand, and mutants of kernels, angles, times, WCS, the public-or-not rule?
	@$(BIN)/python -m tests.mutants

clean: ## stop the site, remove the state folder and build/; says what stays
	@etc/clean.sh
