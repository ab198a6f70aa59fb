# Everything there is to type. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PY := .venv/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check --no-input

.PHONY: help run test setup setup-dev lint bench soak migration lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## set up what is missing and run the dashboard on http://127.0.0.1:8000 (PORT=… for another)
	@exec $(PY) -m dashboard.launch

test: setup-dev ## prove everything: lint, types, unit, PostgreSQL and browser tests
	@exec scripts/test

setup: .venv/installed ## only make .venv with what runs
	@:
setup-dev: .venv/installed-dev ## only make .venv with what runs and what checks
	@:

lint: setup-dev ## only the static checks
	@exec scripts/lint

bench: setup-dev ## the benchmarks (ARGS=… is handed on)
	@exec $(PY) -m bench $(ARGS)

soak: setup-dev ## a long run under load and kills (ARGS=… is handed on)
	@exec $(PY) -m bench.soak $(ARGS)

# Into a database made for it and thrown away, so that it works in a fresh clone and says nothing of anybody's own.
migration: setup-dev ## write the migration from the tables there are to the models (M="what for")
	@test -n "$$M" || { echo 'Say what for: make migration M="when applicants can start"' >&2; exit 1; }
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	export DATABASE_URL="sqlite:///$$folder/dashboard.db" SECRET_KEY="for a database that nobody keeps"; \
	next=$$(ls migrations/versions | awk '/^[0-9]+_/ {last = $$0 + 0} END {printf "%04d", last + 1}'); \
	.venv/bin/flask --app wsgi db upgrade && \
	.venv/bin/flask --app wsgi db migrate --rev-id "$$next" --message "$$M" && \
	ls "$$PWD"/migrations/versions/"$$next"_*

# uv writes one lock for every platform and Python; pip alone would only know this machine's.
lock: .venv/installed ## pin and hash requirements*.in anew
	@$(PY) -m uv --version >/dev/null 2>&1 || { echo "Installing uv into .venv"; $(PIP) install uv; }
	$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes requirements.in -o requirements.txt
	$(PY) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes requirements-dev.in -o requirements-dev.txt

clean: ## remove .venv and caches; var/ (the data) stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last, so that an installation that broke off is done again.
.venv/installed: requirements.txt scripts/make-venv
	@scripts/make-venv
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.txt) locked packages into .venv"
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing $$(grep -c '^[a-z].*==' requirements-dev.txt) locked packages for the checks into .venv"
	@$(PIP) install --require-hashes -r requirements.txt -r requirements-dev.txt
	@touch $@
