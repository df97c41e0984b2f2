# Every target sets up what it needs; the only prerequisites are Python 3.11+ and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-unit test-nightly fuzz check format lock site bench load bench-eventstore-size test-crash test-read-your-writes test-rebuild-crash bench-rebuild docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv then trusts the certificates that the system trusts, as pip does.
export UV_SYSTEM_CERTS := 1
export UV_NATIVE_TLS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled once, not by each of the many processes: starting one takes a third of the time.
export PYTHONDONTWRITEBYTECODE :=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# $(call install,LOCK): exactly what the lock file says, by uv where it works, by pip where it does not.
define install
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(1) requirements-uv.lock 2>$(VENV)/uv.log \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r $(1) -r requirements-uv.lock \
	  || { cat $(VENV)/uv.log; echo "setup: the packages of $(1) could not be installed; is the package index reachable?" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

$(VENV)/.created: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "setup: Python 3.11, 3.12 or 3.13 is needed; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "setup: python3 -m venv does not work here; on Debian or Ubuntu install the package python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	@touch $@

# A development environment can do all that a sandbox environment can.
$(VENV)/.sandbox: $(VENV)/.created requirements-sandbox.lock pyproject.toml
	@test -e $(VENV)/.dev && test ! requirements-sandbox.lock -nt $(VENV)/.dev || { echo "setup: installing the gateway and the servers it runs on" >&2; }
	$(if $(wildcard $(VENV)/.dev),$(call install,requirements-dev.lock),$(call install,requirements-sandbox.lock))
	@touch $@

$(VENV)/.dev: $(VENV)/.created requirements-dev.lock pyproject.toml
	@echo "setup: installing the gateway with its development tools" >&2
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.sandbox

# What the tests of keys, browsers, alerts and manifests need of the system.
$(VENV)/.system: tests/system_packages.sh $(VENV)/.created
	@tests/system_packages.sh $(BIN)
	@touch $@

setup: $(VENV)/.dev ## prepare .venv with the gateway and all tools

# The time of the first payment counts from here, set-up included.
demo: export GATEWAY_DEMO_STARTED_AT := $(shell date +%s)
demo: $(VENV)/.sandbox ## start everything, take a payment with each provider, show what was stored, stop
	@$(BIN)/payment-gateway demo

up: $(VENV)/.sandbox ## start everything on this machine and keep it running
	@$(BIN)/payment-gateway up

# In the order of the folders: whole installations come before the many small tests, which fill the gaps. Twice as
# many at once as there are cores, for half of them wait: for a lease to end, a process to stop, a retry to be due.
test: $(VENV)/.dev $(VENV)/.system ## run every test
	@$(BIN)/pytest -n $$((2 * $$(nproc))) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-unit: $(VENV)/.dev ## run the tests that need no process of their own
	@$(BIN)/pytest tests/unit $(PYTEST_ARGS)

test-nightly: $(VENV)/.dev ## hunt longer: thousands of sequences of commands, faults and crashes
	@HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n 2 --dist loadfile --timeout 3600 \
	  tests/unit/domain tests/unit/projections tests/integration/test_money_machine.py $(PYTEST_ARGS)

fuzz: $(VENV)/.dev ## send the running API far more of what its description allows, and of what it does not
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} FUZZ_TIMEOUT_S=7200 $(BIN)/pytest -s tests/integration/rest/test_fuzz.py

check: $(VENV)/.dev ## format, lint, strict types, import contracts, no secrets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.secret_scanner
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.cluster.yml
	@$(BIN)/yamllint --strict .

format: $(VENV)/.dev ## rewrite the code as the formatter and the linter's safe fixes want it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure, beside a floor taken in the same run, and print the ratios
	@$(BIN)/python -m benchmarks

load: $(VENV)/.dev ## a whole installation under growing load, then with faults; nothing may be lost; takes minutes
	@$(BIN)/python -m benchmarks.load

docs: $(VENV)/.dev ## renew the reference pages that the code writes
	@$(BIN)/python -m tests.reference_pages

site: $(VENV)/.dev ## build the documentation as a site, in the folder site; warnings are errors
	@$(BIN)/python -m tests.docs_site
	@$(BIN)/zensical build --strict --clean

test-crash: $(VENV)/.dev ## kill the event store 50 times under load and check that nothing is lost
	@EVENTSTORE_CRASH_ROUNDS=50 $(BIN)/pytest -s --timeout 900 tests/integration/test_eventstore_crash.py

test-outages: $(VENV)/.dev ## kill and freeze each server in turn under load; takes minutes
	@OUTAGES_ALL=1 OUTAGE_S=15 OUTAGE_STEADY_S=10 OUTAGE_TIMEOUT_S=1800 $(BIN)/pytest -s tests/integration/lifecycle/test_outages_under_load.py

test-read-your-writes: $(VENV)/.dev ## 2,000 commands, each followed by queries that must show it
	@READ_YOUR_WRITES_PAIRS=2000 $(BIN)/pytest -s --timeout 900 tests/integration/rest/test_read_your_writes.py

bench-rebuild: $(VENV)/.dev ## measure rebuilding with 200,000 events; takes minutes
	@$(BIN)/python -m benchmarks.rebuild --events 200000

test-rebuild-crash: $(VENV)/.dev ## kill a rebuild at 30 random points; readers see one whole version at each
	@REBUILD_KILLS=30 REBUILD_TIMEOUT_S=1800 $(BIN)/pytest -s tests/integration/test_rebuild.py -k killed

test-rolling-restart: $(VENV)/.dev ## restart each process in turn under load; takes minutes
	@ROLLING_RESTART=1 $(BIN)/pytest -s --timeout 900 tests/integration/lifecycle/test_rolling_restart.py

bench-eventstore-size: $(VENV)/.dev ## measure the event store with a million events; takes minutes
	@$(BIN)/python -m benchmarks.eventstore_size

bench-projections-memory: $(VENV)/.dev ## watch a worker's memory over a million events; takes minutes
	@$(BIN)/python -m benchmarks.projections_memory

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml
lock: $(VENV)/.dev ## renew the lock files after a change of dependencies
	@$(LOCK) -o requirements.lock
	@$(LOCK) -c requirements.lock --extra sandbox -o requirements-sandbox.lock
	@$(LOCK) -c requirements-sandbox.lock --extra dev -o requirements-dev.lock

clean: ## remove what the targets made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
