PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The revision a change is compared with.
BASE ?= origin/main

.PHONY: answer app test lint format bench-check pictures hooks lock clean plan-pr promote close-pr upgrade

answer: $(VENV)/.runtime
	$(BIN)/python cli.py refresh
	$(BIN)/python cli.py answer

app: $(VENV)/.app
	$(BIN)/python cli.py app

test: $(VENV)/.dev lint
	$(BIN)/sqlmesh test
	$(BIN)/pytest -n 4

lint: $(VENV)/.dev
	$(BIN)/pre-commit run --all-files

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlmesh format

bench-check: $(VENV)/.dev
	$(BIN)/python -m benchmarks.check

pictures: $(VENV)/.dev
	$(BIN)/python -m docs.generate.pictures

hooks: $(VENV)/.dev
	$(BIN)/pre-commit install

plan-pr: $(VENV)/.runtime
	BIN=$(BIN) .ci/pull_request plan $(PR) $(BASE)

promote: $(VENV)/.runtime
	BIN=$(BIN) .ci/pull_request promote $(BASE)

close-pr: $(VENV)/.runtime
	BIN=$(BIN) .ci/pull_request close $(PR)

upgrade: $(VENV)/.dev
	BIN=$(BIN) .ci/upgrade

lock: $(VENV)/.dev
	$(BIN)/uv pip compile pyproject.toml --universal --extra dev --generate-hashes --no-emit-index-url --no-annotate --upgrade -q -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --universal -c requirements-dev.lock --generate-hashes --no-emit-index-url --no-annotate -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --extra app -c requirements-dev.lock --generate-hashes --no-emit-index-url --no-annotate -q -o requirements-app.lock
	$(BIN)/uv pip compile pyproject.toml --universal --extra postgres -c requirements-dev.lock --generate-hashes --no-emit-index-url --no-annotate -q -o requirements-postgres.lock
	$(BIN)/uv pip compile pyproject.toml --universal --extra snowflake -c requirements-dev.lock --generate-hashes --no-emit-index-url --no-annotate -q -o requirements-snowflake.lock
	$(BIN)/uv pip compile pyproject.toml --universal --extra spark -c requirements-dev.lock --generate-hashes --no-emit-index-url --no-annotate -q -o requirements-spark.lock

clean:
	rm -rf $(VENV) .next .previous .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis logs warehouse.duckdb* warehouse.spark

$(VENV)/.runtime: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/.app: requirements-app.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-app.lock
	touch $@ $(VENV)/.runtime

$(VENV)/.dev: requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@ $(VENV)/.app $(VENV)/.runtime
