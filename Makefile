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

.PHONY: test-load
test-load: $(VENV)/.dev system-packages ## releases, restarts, crashes and takeovers under load, one after the other (about 15 minutes)
	$(BIN)/python -m pytest -n 0 -m slow tests/e2e/test_zero_downtime.py tests/e2e/test_release_traffic.py tests/e2e/test_two_controls.py tests/e2e/test_conversations.py

# A real model needs PyTorch and a server for it: an environment of their own, outside everything that is shipped.
# torch stands alone because its builds differ by platform; everything else is pinned with hashes.
MODEL_VENV := .model-venv

$(MODEL_VENV)/.ready: examples/real_model/requirements.lock
	$(PYTHON) -m venv $(MODEL_VENV)
	$(MODEL_VENV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(MODEL_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.PHONY: model-env
model-env: $(MODEL_VENV)/.ready ## PyTorch and transformers, for examples/real_model

# llama.cpp is compiled from its source package, which brings its own build tools but no compiler.
$(MODEL_VENV)/.llama: examples/real_model/requirements-llama.lock $(MODEL_VENV)/.ready
	@command -v $${CXX:-c++} >/dev/null || { echo "llama.cpp is compiled here, and there is no C++ compiler (Debian: apt-get install g++)"; exit 1; }
	@echo "compiling llama.cpp: about seven minutes of one core"
	$(MODEL_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.PHONY: llama-env
llama-env: $(MODEL_VENV)/.llama ## the same with llama.cpp beside it, compiled from source (about seven minutes)

.PHONY: test-experiments
test-experiments: $(VENV)/.dev system-packages ## A/B tests, bandits and interleaving over real processes with delayed feedback (about two minutes)
	$(BIN)/python -m pytest -n 0 -m slow tests/e2e/test_experiments.py tests/e2e/test_interleave.py tests/e2e/test_bandits.py

.PHONY: test-model
test-model: $(VENV)/.dev model-env ## train, serve and release real weights (about 900 MB, two minutes); by llama.cpp too after llama-env
	$(BIN)/python -m pytest tests/e2e/real_model -m slow --timeout 600

# MLflow is large, and nothing of it is shipped: it is a sink that the traces are sent to.
MLFLOW_VENV := .mlflow-venv

$(MLFLOW_VENV)/.ready: tests/e2e/mlflow/requirements.txt
	$(PYTHON) -m venv $(MLFLOW_VENV)
	$(MLFLOW_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: test-mlflow
test-mlflow: $(VENV)/.dev $(MLFLOW_VENV)/.ready ## send traces to a real MLflow server and read them back (about 900 MB)
	$(BIN)/python -m pytest tests/e2e/mlflow -n 0 -m slow --timeout 600

FUZZ_VENV := .fuzz-venv
FUZZ_SECONDS ?= 120

$(FUZZ_VENV)/.ready: tests/fuzz/requirements.txt
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: fuzz
fuzz: $(FUZZ_VENV)/.ready ## coverage-guided fuzzing of every parser by atheris, two minutes each (FUZZ_SECONDS)
	@for property in requests answers events bodies splices; do \
		PYTHONPATH=src $(FUZZ_VENV)/bin/python -m tests.fuzz.run $$property -max_total_time=$(FUZZ_SECONDS) -verbosity=0 || exit 1; \
	done

.PHONY: test-browser
test-browser: $(VENV)/.dev system-packages ## people of every role in front of Chromium, dark and light, on a desk and a phone
	$(BIN)/python -m pytest tests/browser -n 0

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
	test -x /usr/bin/chromium || missing="$$missing chromium"; \
	test -x /usr/bin/prometheus || missing="$$missing prometheus"; \
	test -x /usr/bin/prometheus-alertmanager || missing="$$missing prometheus-alertmanager"; \
	if [ -z "$$missing" ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; \
		(apt-get install -y -qq --no-install-recommends $$missing || (apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing)) >/dev/null 2>&1 \
			|| echo "could not install$$missing: their tests are skipped"; \
	else echo "not root, so$$missing stay uninstalled and their tests are skipped"; fi

CLIENTS := tests/clients

$(CLIENTS)/node_modules/.run: $(CLIENTS)/package.json
	npm install --prefix $(CLIENTS) --no-package-lock --no-audit --no-fund --silent
	@touch $@

$(CLIENTS)/.venv/.run: $(CLIENTS)/requirements.txt
	$(PYTHON) -m venv $(CLIENTS)/.venv
	$(CLIENTS)/.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: test-clients
test-clients: $(VENV)/.dev $(CLIENTS)/node_modules/.run $(CLIENTS)/.venv/.run ## clients of Python and Node against a gateway; writes docs/explanation/clients.md
	@mkdir -p build docs/explanation
	$(BIN)/python -m pytest tests/e2e/clients $(CLIENTS) -n auto --junitxml build/clients.xml
	$(BIN)/python -m tests.clients.table build/clients.xml > docs/explanation/clients.md

# ---- benchmarks -----------------------------------------------------------------------------------

.PHONY: bench
bench: $(VENV)/.dev system-packages ## CPU per request and per chunk beside nginx, in one run
	$(BIN)/python bench/gateway.py

.PHONY: bench-mirror
bench-mirror: $(VENV)/.dev ## what users pay for 10 % of copies, also to a candidate that hangs
	$(BIN)/python bench/mirror.py

.PHONY: bench-stall
bench-stall: $(VENV)/.dev ## by how much bodies of 20 MB keep a gateway's loop from the others; fails above 20 ms
	$(BIN)/python bench/stall.py

.PHONY: bench-peers
bench-peers: $(VENV)/.dev system-packages ## the same figures of other gateways, each in its own scratch environment
	$(BIN)/python bench/peers.py --install --write docs/explanation/peers.md

.PHONY: bench-dashboard
bench-dashboard: $(VENV)/.dev ## server time of each page with 1,000 services, 10,000 versions and 10 million requests
	$(BIN)/python bench/dashboard.py

.PHONY: bench-statistics
bench-statistics: $(VENV)/.dev ## false alarms and power of every method, in simulated worlds; writes docs/explanation/statistics.md
	$(BIN)/python -m bench.statistics.run --write docs/explanation/statistics.md

.PHONY: bench-requests
bench-requests: $(VENV)/.dev ## pages of requests among ten million, and the time each takes; needs 5 GB of disk
	$(BIN)/python bench/requests_at_scale.py

.PHONY: bench-detection
bench-detection: $(VENV)/.dev ## how soon a bad candidate is found, beside the least possible and usual methods; writes its page
	$(BIN)/python bench/detection/run.py --write docs/explanation/detection.md

.PHONY: bench-ingest
bench-ingest: $(VENV)/.dev ## observations a second of one control process
	$(BIN)/python bench/ingest.py

.PHONY: bench-reconcile
bench-reconcile: $(VENV)/.dev ## CPU of a pass over 500 running releases of five metrics each
	$(BIN)/python bench/reconcile.py

.PHONY: bench-cut-off
bench-cut-off: $(VENV)/.dev ## how long a candidate that dies still gets requests, over two gateway processes
	$(BIN)/python bench/cut_off.py

.PHONY: soak
soak: $(VENV)/.dev ## ten minutes at 80 % of one worker's capacity; fails if memory, descriptors or tasks grow
	$(BIN)/python bench/soak.py

# ---- housekeeping ---------------------------------------------------------------------------------

.PHONY: lock
lock: $(BIN)/python ## choose versions anew and write both lock files, without index addresses
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## remove everything that can be made again
	rm -rf $(VENV) $(MODEL_VENV) $(MLFLOW_VENV) $(FUZZ_VENV) bench/.scratch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
