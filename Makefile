# Seven words. Each makes the virtual environment itself when it is missing.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.PHONY: demo test lint proto bench soak clean
.DEFAULT_GOAL := test

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)  ## a service of real processes; its server is killed and comes back, then a process; a stop
	$(BIN)/python examples/demo.py

test: $(STAMP)  ## every law and example, in minutes; what actors decide to the last branch
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not soak' --cov --cov-report=term-missing:skip-covered tests/actors
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not soak' --ignore tests/actors

lint: $(STAMP)  ## style, types, architecture, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

proto: $(STAMP)  ## protocol/pb again from protocol/proto
	$(BIN)/python -m protocol.proto.generate

bench: $(STAMP)  ## ratios against peers and bare echoes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(BIN)/python -m bench

soak: $(STAMP)  ## the long tests; SEEDS=N says how many seeds are simulated
	SEEDS='$(SEEDS)' $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m soak --timeout=3600

clean:  ## everything that the other words made
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
