# Everything runs in .venv, which `make setup` keeps in step with uv.lock.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.synced
# uv's own environment variable: never touch another virtual environment that happens to be active.
export UV_PROJECT_ENVIRONMENT := $(VENV)
export VIRTUAL_ENV :=
# Where compiled modules are not kept, each of the many processes that a test run starts takes 4 s longer to compile them.
unexport PYTHONDONTWRITEBYTECODE
RUN := $(VENV)/bin/
# Of a test run. A third of its time is spent waiting: PROCESSES=3 is quicker on two cores, and leaves less room for what is timed.
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo serve browser test test-long pictures lint format bench clean

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(STAMP) ## Install what is needed into .venv; quick when nothing changed

$(STAMP): pyproject.toml uv.lock
	@command -v uv >/dev/null 2>&1 || test -x $(RUN)uv || { $(PYTHON) -m venv $(VENV) && $(RUN)python -m pip install --quiet uv; }
	@UV=$$(command -v uv || echo $(RUN)uv); $$UV sync --frozen --quiet --inexact --python $(PYTHON)
	@touch $@

demo: setup ## Run sandbox and product together; ARGS=--once ends after the first sync
	@$(RUN)counterfoil demo $(ARGS)

serve: setup ## Run web server and worker on the data directory
	@$(RUN)counterfoil serve $(ARGS)

browser:
	@.ci/browser

test: setup browser ## Run every test but the long ones; ARGS are passed to pytest
	@$(RUN)python -m pytest -n $(PROCESSES) --dist worksteal -m "not long" $(ARGS)

test-long: setup ## Run the tests that take minutes
	@$(RUN)python -m pytest -n 2 -m long $(ARGS)

pictures: setup browser ## Make the pictures of the docs anew, in a walk through the product
	@$(RUN)python tests/browser/terminal.py
	@PICTURES=yes $(RUN)python -m pytest tests/browser/test_journey.py

lint: setup ## Check style, types and the direction of imports
	@$(RUN)ruff check .
	@$(RUN)ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(RUN)mypy
	@$(RUN)lint-imports --no-logo

format: setup ## Put the code into shape
	@$(RUN)ruff check --fix --quiet . && $(RUN)ruff format .

bench: setup ## Print figures with ratios; ONLY=engine runs one of them
	@for file in $(if $(ONLY),bench/$(ONLY).py,$(wildcard bench/[a-z]*.py)); do $(RUN)python $$file || exit 1; done

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
