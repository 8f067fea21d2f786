# Every target explains itself: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# ---- environments, made from the hashed lock files ----------------------------------------------

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: run
run: $(VENV)/.run ## start everything with simulated providers and two releases to watch
	$(BIN)/tidegate up --demo

.PHONY: install
install: $(VENV)/.run ## the environment with the tidegate command, nothing started

.PHONY: dev
dev: $(VENV)/.dev ## the environment with everything for tests and checks

# ---- tests and checks -----------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.dev system-packages ## every fast test, in random order, on all cores
	$(BIN)/python -m pytest -n auto -m "not slow"

.PHONY: test-slow
test-slow: $(VENV)/.dev system-packages ## long simulations and heavy real parts
	$(BIN)/python -m pytest -n auto -m slow --timeout 600

.PHONY: check
check: $(VENV)/.dev ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: system-packages
system-packages: ## Debian packages that tests use: installed as root, otherwise their tests say why they skip
	@missing=""; \
	test -x /usr/sbin/nginx || missing="$$missing nginx-light"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -z "$$missing" ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; \
		(apt-get install -y -qq --no-install-recommends $$missing || (apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing)) >/dev/null 2>&1 \
			|| echo "could not install$$missing: their tests are skipped"; \
	else echo "not root, so$$missing stay uninstalled and their tests are skipped"; fi

# ---- benchmarks -----------------------------------------------------------------------------------

.PHONY: bench
bench: $(VENV)/.dev system-packages ## CPU per request and per chunk beside nginx, in one run
	$(BIN)/python bench/gateway.py

# ---- housekeeping ---------------------------------------------------------------------------------

.PHONY: lock
lock: $(BIN)/python ## choose versions anew and write both lock files, without index addresses
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## remove everything that can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
