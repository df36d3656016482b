# Two commands matter: `make run` starts the connector with its sandbox, `make test` runs every test. Both install what they need
# into .venv first. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help install install-browser forge run test check format bench lock clean screenshots

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(STAMP) ## .venv with okr-connector and everything it needs, exactly as locked

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' || \
		{ echo "okr-connector needs Python 3.11.5 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 install" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (about half a minute, the first time only) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install-browser: install ## a Chromium for the browser tests, where one is missing and we may install it
	@$(BIN)/python tests/support/chromium.py

forge: install ## build the panels inside Jira (the bundles of the Forge app); fetches Node where none is there
	@$(BIN)/python -m tests.support.node

run: install ## start the connector with its sandbox (PORT chooses the port; Ctrl-C stops everything)
	@exec $(BIN)/okr-connector serve --sandbox

# The second part starts whole installations and looks at the clock: it gets the machine to itself.
test: install install-browser forge ## every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/browser --ignore=tests/knocks
	@$(BIN)/python -m pytest tests/knocks
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

check: install ## formatting, lint, types, import rules, then every test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: install ## format the code and mend what lint can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install ## benchmarks; they print ratios
	@$(BIN)/python -m bench

lock: install ## choose versions anew and write requirements.lock (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@uv pip compile pyproject.toml --extra test --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
		--python-version 3.11.7 --quiet --output-file requirements.lock

screenshots: install forge ## take the pictures of the documentation anew
	@$(BIN)/python -m tests.support.screenshots

clean: ## remove what was installed and built; the data folder stays
	@rm -rf .venv build dist forge/dist forge/node_modules *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
