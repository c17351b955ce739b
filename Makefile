# Two commands for a newcomer: make demo, make test. A load over the Core API: make demo-site.
PYTHON ?= python3.11
BIN := .venv/bin
DEMO := harbour-review-2026-10-01

.PHONY: install demo demo-site test lint clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/pelcro-pipeline dry-run $(DEMO)

demo-site: install
	$(BIN)/python demo/site.py

test: install
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DAGSTER_HOME= $(BIN)/dagster definitions validate -w workspace.yaml

clean:
	rm -rf .venv
