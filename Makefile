# Two commands do everything, each sets itself up: `make run` shows Grove working, `make test` proves that it does.
# Needs make and Python 3.11 or newer; `make PYTHON=/path/to/python` names one that is not found by itself.

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(VENV)/.packages
READY := $(VENV)/.ready
AVAHI := .avahi
PYTEST := $(BIN)/python -m pytest
# One more than the two cores it is meant for: many tests wait for processes and networks.
WORKERS := 3

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where it is set, every process of every test would compile what it imports anew.
export PYTHONDONTWRITEBYTECODE :=
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types unit bench soak format lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# For the tests beside another mDNS responder; unpacked, not installed. They are skipped where it cannot be had.
$(AVAHI): .ci/fetch-avahi
	@.ci/fetch-avahi $(AVAHI)

setup: $(READY)  ## an environment in .venv with the locked packages, rebuilt when the lock changes

# Stamps are written last, so an interrupted set-up starts again from nothing.
$(PACKAGES): requirements-dev.lock
	@echo "Setting up $(VENV), once ..."
	@rm -f $(PACKAGES)
	@python=$$(.ci/find-python) && "$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet -r requirements-dev.lock
	@touch $(PACKAGES)

$(READY): $(PACKAGES) pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(READY)

run: setup  ## three chained gateways on this machine, until Ctrl-C
	@$(BIN)/grove demo

test: lint types $(AVAHI)  ## style, types, then every test in random order; those marked serial alone
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not serial and not soak"
	$(PYTEST) -m "serial and not soak"

lint: setup  ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup  ## mypy, strict
	$(BIN)/mypy

unit: setup  ## the quick tests only: the import table and the units
	$(PYTEST) -n $(WORKERS) --dist worksteal tests/architecture tests/unit

bench: setup  ## figures as ratios against nginx and bare aiohttp
	$(BIN)/python -m benchmarks

soak: setup  ## SOAK_REQUESTS over SOAK_FLAPS failing links and killed gateways: every answer true, nothing grown, nothing lost
	$(PYTEST) tests/soak -m soak --capture=no --timeout=0

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Made with the oldest supported Python, which needs every package the newer ones need. `make lock UPGRADE=--upgrade`.
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile $(UPGRADE) --quiet --strip-extras --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
DEV_GROUP := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")

lock: setup  ## requirements.lock and requirements-dev.lock from pyproject.toml
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Locks are made with Python 3.11: make clean, then make lock PYTHON=python3.11")'
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(BIN)/python -c '$(DEV_GROUP)' | $(LOCK) --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml -

clean:  ## remove the environment, caches and built files
	rm -rf $(VENV) $(AVAHI) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
