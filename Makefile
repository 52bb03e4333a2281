# One door to everything: `make demo` runs Topup, `make test` tests it, `make check` is what CI asks for.
# Each target first has scripts/bootstrap.py see to .venv, which takes a moment once and next to nothing afterwards.
# Written for GNU make 3.81 too, which is what macOS has.

PYTHON ?= python3
# The tests run side by side, each process with a PostgreSQL of its own; ARGS="-n 0" runs them in one.
PYTEST := .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile
BIN := .venv/bin
UV := uv==0.13.9
COMPILE := $(BIN)/uv pip compile --universal --generate-hashes --no-header --quiet pyproject.toml

.PHONY: help demo test check verify bench bench-growth storm lock audit clean run-environment dev-environment

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: run-environment ## Run everything on this machine: the app, a database, an offline Stripe (ARGS="--port 8001")
	@exec $(BIN)/topup demo $(ARGS)

test: dev-environment ## Run the tests (ARGS="-k receive" for some of them)
	$(PYTEST) $(ARGS)

check: dev-environment ## All that CI asks for: format, lint, types, import contract, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyrefly check
	$(BIN)/lint-imports
	$(PYTEST) $(ARGS)

verify: run-environment ## Check the invariants of the demo's data, while it runs or not
	@exec $(BIN)/topup verify $(ARGS)

bench: dev-environment ## Measure what one machine fulfils, against pgbench on the same rows (needs pgbench)
	$(BIN)/python -m bench.deliveries $(ARGS)
	$(BIN)/python -m bench.spends
	$(BIN)/python -m bench.calls

bench-growth: dev-environment ## What a spend and a page cost at 10 million entries (several GB of disk; ARGS=1000000 for less)
	$(BIN)/python -m bench.growth $(ARGS)

storm: dev-environment ## Break everything for an hour and see that nothing is lost (MINUTES=60 SEED=1 ARGS="-k every_io")
	TOPUP_STORM=1 TOPUP_STORM_MINUTES=$(MINUTES) TOPUP_STORM_SEED=$(SEED) $(BIN)/python -m pytest -n 2 --dist loadfile -m storm tests/storm $(ARGS)

lock: dev-environment ## Write both lock files anew from pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(UV)'
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --group dev --output-file requirements/dev.txt

audit: dev-environment ## Look for known weaknesses in what we depend on; needs the network
	@$(BIN)/python scripts/audit.py

clean: ## Delete what tools leave behind; .venv and the demo's data stay
	rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@$(PYTHON) scripts/bootstrap.py run

dev-environment:
	@$(PYTHON) scripts/bootstrap.py dev
