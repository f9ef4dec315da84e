# Seglake: `make help` lists the targets. Nothing but python3 (3.11+), its venv module and make is needed beforehand.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PYTEST_ARGS ?=
# Processes that share the tests: one for each core; WORKERS=0 runs them in one, as a debugger wants it.
WORKERS ?= auto
SHARED := -n $(WORKERS) --dist worksteal
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# The package is installed in editable mode: a changed source needs no new installation, a changed pyproject.toml does.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help run test check fmt lint unit crash mutants soak build clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run ARGS=\"--addr :9001 --log-level debug\"    flags for the server; SEGLAKE_... variables pass through"
	@echo "  make test PYTEST_ARGS=\"-k multipart -x\"           flags for pytest; WORKERS=0 for one process"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Seglake needs Python 3.11 or newer; '$(PYTHON)' is missing or older." >&2; \
	    echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing Seglake into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing Seglake and its development tools into $(VENV) ..."
	@$(PIP) --editable '.[test,dev]'
	@touch $@ $(RUN_STAMP)

run: $(RUN_STAMP) ## Set everything up and start the store on :9000 with its data in ./data
	@exec $(BIN)/seglake server --addr "$${SEGLAKE_ADDR:-:9000}" --data-dir "$${SEGLAKE_DATA_DIR:-./data}" $(ARGS)

test: $(DEV_STAMP) ## Set everything up and run the whole suite
	@$(BIN)/python -m pytest $(SHARED) $(PYTEST_ARGS)

check: lint unit ## Format, lint, types, layers and unit tests: the habit before every commit (about a minute)

lint: $(DEV_STAMP) ## Format check, ruff, mypy --strict, import layers
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run 'make fmt'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

unit: $(DEV_STAMP) ## Unit tests without those marked slow
	@$(BIN)/python -m pytest tests/unit -q -m "not slow" $(SHARED) $(PYTEST_ARGS)

fmt: $(DEV_STAMP) ## Format the code and apply the safe fixes
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

crash: $(DEV_STAMP) ## Crash simulation and injected faults at five times the size, with a new seed (SCALE=n, SEED=n)
	@$(BIN)/python -m pytest tests/simulation --scale "$${SCALE:-5}" --seed "$${SEED:-random}" -rP $(SHARED) $(PYTEST_ARGS)

mutants: $(DEV_STAMP) ## Break the store in every listed way and see that the tests notice
	@$(BIN)/python -m pytest tests/mutants $(SHARED) $(PYTEST_ARGS)

soak: $(DEV_STAMP) ## The whole suite with 20 times the examples and a new seed (SCALE=n, SEED=n)
	@$(BIN)/python -m pytest --scale "$${SCALE:-20}" --seed "$${SEED:-random}" $(SHARED) $(PYTEST_ARGS)

build: $(DEV_STAMP) ## Build the wheel into dist/
	@$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what the targets above made; ./data stays
	@rm -rf $(VENV) build dist seglake.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
