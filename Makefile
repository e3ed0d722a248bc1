# Needs Python 3.11 to 3.13 and make, and brings everything else. `make` alone explains it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install run infrastructure reset test check format bench bench-logs compiled compiled-if-possible

UV_VERSION := 0.13.9
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python -P
INSTALLED := $(VENV)/.installed
ARGS ?=

# Nothing in services/ may hide the standard library's logging.
export PYTHONSAFEPATH := 1
export UV_PYTHON_DOWNLOADS := never
# Every process of the stack would compile every module again at each start.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what there is
	@echo "make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; \
		do printf '  %-16s %s\n' "$$name" "$$text"; done

install: $(INSTALLED) ## Make .venv from the lock file (nothing to do when it is up to date)

$(INSTALLED): Makefile pyproject.toml uv.lock
	@python=; for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
			2>/dev/null; then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed; PYTHON=/path/to/it names one" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; fi; \
	[ -x $(VENV)/bin/python ] || { echo "making $(VENV)"; "$$python" -m venv $(VENV); }
	@echo "installing from uv.lock"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(VENV)/bin/uv sync --quiet --frozen --inexact --compile-bytecode
	@# `python -P -m services.relay` finds the checkout without being in it.
	@$(VENV)/bin/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "ledgerline.pth").write_text("$(CURDIR)\n")'
	@echo "bringing Kafka's jars"
	@$(RUN) -m deploy.local fetch
	@touch $@

run: install ## Start everything on this machine; Ctrl-C stops it, the data stays
	@exec $(RUN) -m deploy.local run

infrastructure: install ## Start only PostgreSQL and Kafka
	@exec $(RUN) -m deploy.local run --infrastructure-only

reset: install ## Throw the data of `make run` away
	@$(RUN) -m deploy.local reset

compiled: install ## Compile the hot paths of relay and logging (optional; test and bench do it)
	@$(RUN) -m deploy.compiled

# What has no C compiler goes on interpreted.
compiled-if-possible: install
	@$(RUN) -m deploy.compiled --if-possible

test: compiled-if-possible ## Run the tests against real servers (ARGS="-k lease" for some of them)
	$(RUN) -m pytest $(ARGS)

check: install ## Format, lint, types, import contracts, and the alert rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy packages/ledgerline-events/tests packages/ledgerline-events/examples
	$(VENV)/bin/lint-imports
	$(RUN) -m deploy.prometheus

format: install ## Put the code into its one format
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: compiled-if-possible ## Measure, beside a bare proxy, at the default durability
	$(RUN) -m operations.bench $(ARGS)

bench-logs: compiled-if-possible ## Measure the logs over many rows, beside ingest (ROWS=200000 for fewer)
	$(RUN) -m operations.bench_logs $(if $(ROWS),--rows $(ROWS)) $(ARGS)
