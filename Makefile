# The environment stands in .venv, made by uv from uv.lock; uv itself comes by pip into .venv.
PYTHON ?= python3
BIN := .venv/bin
SERVE ?= 1
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help venv demo test bench check format clean

help: ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: .venv/ready ## Set up the locked environment in .venv

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q
	test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv
	VIRTUAL_ENV=$(CURDIR)/.venv UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(BIN)/uv sync --frozen --quiet --python $(BIN)/python
	@touch $@

demo: venv ## A sample CRM, trained, scored, reported and served (SERVE=0: not served)
	$(BIN)/dealcast sample $(DEMO)/crm --seed 1 --keep
	$(BIN)/dealcast train $(DEMO)/crm
	$(BIN)/dealcast score $(DEMO)/crm --as-of latest --out $(DEMO)/scores.parquet --explain
	$(BIN)/dealcast study $(DEMO)/crm --out $(DEMO)/bundles/study.json
	$(BIN)/dealcast report $(DEMO)/crm --as-of latest --out $(DEMO)/report --bundles $(DEMO)/bundles
	@echo "scores: $(DEMO)/scores.parquet · report: $(DEMO)/report/index.html · runs and models: $(BIN)/mlflow ui"
ifneq ($(SERVE),0)
	@echo "soon at http://127.0.0.1:8000 (pipeline) · /week · /alerts · /forecast · /team · /models · /docs (the API)"
	$(BIN)/dealcast serve $(DEMO)/crm --bundles $(DEMO)/bundles
endif

test: venv ## Run the tests
	$(BIN)/python -m pytest -q

bench: venv ## Features and reasons beside what people would otherwise use (some fifteen minutes)
	$(BIN)/python -m benchmarks --out benchmarks/results.md
	$(BIN)/python -m benchmarks online --out benchmarks/results-online.md
	$(BIN)/python -m benchmarks growth --out benchmarks/results-growth.md
	$(BIN)/python -m benchmarks.reasons --fasttreeshap --out benchmarks/results-reasons.md

check: venv ## Format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: venv ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment, the demo and the caches
	rm -rf .venv demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
