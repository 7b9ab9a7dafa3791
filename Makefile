# One place for every task; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help up test lint bench bench-ingest chaos desktop lock format schema
.DEFAULT_GOAL := help

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Lumenspan needs Python 3.11 or newer; set PYTHON=python3.x")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "This Python cannot make environments; install its venv package (Debian: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

up: $(STAMP) ## Start every engine, the server and the workers (Ctrl-C stops them)
	$(BIN)/lumenspan up

test: $(STAMP) ## Run the whole test suite against the real engines
	$(BIN)/python -m pytest

lint: $(STAMP) ## Formatting, style, strict types, import contracts, GraphQL schema is current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m lumenspan_server.schema --check

format: $(STAMP) ## Rewrite the sources the way lint wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Measure start, idle cost, throughput and latency; prints one table
	$(BIN)/python -m bench

chaos: $(STAMP) ## Faults under load, checked for loss, twenty times (TIMES=3, CHAOS_SEED=7)
	CHAOS_TIMES=$(or $(TIMES),20) $(BIN)/python -m pytest -m chaos tests/integration/chaos/test_scenarios.py

bench-ingest: $(STAMP) ## Ingestion: its limits and stages, 5,000 spans/s for ten minutes, Phoenix and MLflow beside it
	$(BIN)/python -m bench ingest stages steady --minutes $(or $(MINUTES),10)
	$(BIN)/python -m bench.rivals

desktop: $(STAMP) ## Start the desktop application
	$(BIN)/lumenspan-desktop

schema: $(STAMP) ## Write graphql/schema.graphql from the server's types
	$(BIN)/python -m lumenspan_server.schema

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11

lock: ## Resolve the dependencies anew (needs uv)
	$(COMPILE) --extra dev pyproject.toml -o requirements.lock
	$(COMPILE) --extra server pyproject.toml -o compose/requirements-server.lock
	$(COMPILE) --extra workers pyproject.toml -o compose/requirements-worker.lock
	echo hatchling | $(COMPILE) - -o compose/requirements-build.lock
