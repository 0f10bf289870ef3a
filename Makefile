# Switchyard. `make run` is all that a user needs; `make help` lists the rest.

VENV := .venv
PYTHON := $(VENV)/bin/python
FRONTEND := frontend-src
NPM := npm --prefix $(FRONTEND)
# More arguments for the programs and for pytest: make run ARGS=--server.port=8080, make pytest ARGS=tests/unit
ARGS :=
# Two workers: the machine that the goal of 20 minutes is set for has two cores.
WORKERS := 2

# A program started here must not believe that it runs below make: its terminals would hand that on.
OWN := env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL -u MAKE_TERMOUT -u MAKE_TERMERR -u ARGS
# What a user's pip may be told to do elsewhere has no meaning in our own .venv; indexes and proxies stay as they are.
PIP := env -u PYTHONPATH -u PYTHONHOME -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 \
	$(PYTHON) -m pip --disable-pip-version-check -qq install --require-hashes

.DEFAULT_GOAL := help
.SILENT:
.PHONY: help setup setup-dev agents run run-main run-node join dev test pytest lint types front gen bench bench-scale bench-terminal chaos leaks lock clean

help: ## list the targets
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

# --- set up ----------------------------------------------------------------------------------------------------------

setup: $(VENV)/.ready ## make .venv with what the programs need

setup-dev: $(VENV)/.ready-dev $(FRONTEND)/node_modules/.package-lock.json agents ## and what tests and builds need

# Real agents that the tests drive, each pinned in tests/agents/NAME. Nodes started from this folder find them too.
AGENTS := $(patsubst tests/agents/%/package.json,.tools/%/.ready,$(wildcard tests/agents/*/package.json))

agents: $(AGENTS) ## real agents that the tests drive, into .tools/

.tools/%/.ready: tests/agents/%/package-lock.json
	command -v npm >/dev/null || { echo "Installing agents needs Node.js 20 with npm." >&2; exit 1; }
	echo "Setting up: installing the agent $* into .tools/$* (once) …"
	mkdir -p $(@D) && cp tests/agents/$*/package.json tests/agents/$*/package-lock.json $(@D)/
	npm --prefix $(@D) install --no-audit --no-fund --loglevel=error
	touch $@

# The stamps stand for a .venv that works: they go when its Python has gone with an upgrade of the system.
$(shell test -x $(PYTHON) || rm -f $(VENV)/.ready $(VENV)/.ready-dev)

$(VENV)/.ready: requirements.txt | $(PYTHON)
	echo "Setting up: installing Python packages into $(VENV) (once) …"
	$(PIP) -r $<
	touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	echo "Setting up: installing what the tests need into $(VENV) (once) …"
	$(PIP) -r $<
	touch $@

# The first Python that is new enough is taken. Debian and Ubuntu ship the venv module as a package of its own.
$(PYTHON):
	for each in python3.13 python3.12 python3.11 python3 python; do \
		"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found="$$each" && break; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Switchyard needs Python 3.11 or newer; none was found on the PATH (tried python3.13 … python3)." >&2; exit 1; \
	fi; \
	version="$$("$$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "Python $$version is here without its venv module; install it: apt install python$$version-venv" >&2; exit 1; \
	fi; \
	rm -rf $(VENV) && env -u PYTHONPATH -u PYTHONHOME "$$found" -m venv $(VENV)

$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json
	command -v npm >/dev/null || { echo "Tests and builds of the page need Node.js 20 with npm." >&2; exit 1; }
	echo "Setting up: installing Node packages into $(FRONTEND)/node_modules (once) …"
	$(NPM) ci --no-audit --no-fund --loglevel=error
	touch $@

# --- run -------------------------------------------------------------------------------------------------------------

run: setup ## start Main and a node for this machine
	exec $(OWN) $(PYTHON) main_server.py $(ARGS)

run-main: setup ## start Main alone
	exec $(OWN) $(PYTHON) main_server.py --main.local_node=false $(ARGS)

run-node: setup ## start a node alone (configs/node.toml says which Main it belongs to)
	exec $(OWN) $(PYTHON) app.py $(ARGS)

join: setup ## make this machine a node of a Main: make join ARGS=https://main.example:4457
	exec $(OWN) $(PYTHON) app.py join $(ARGS)

dev: setup-dev ## start both, rebuild the page at every change, log everything
	$(NPM) run build -- --watch & page=$$!; trap 'kill $$page 2>/dev/null' EXIT INT TERM; \
	$(OWN) $(PYTHON) main_server.py --log.level=debug $(ARGS)

# --- check -----------------------------------------------------------------------------------------------------------

test: lint types front pytest ## check everything

pytest: $(VENV)/.ready-dev ## run the Python tests (ARGS=tests/unit runs a part)
	$(OWN) $(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=loadgroup --quiet $(ARGS)

lint: setup-dev ## style of both languages, and the law of the rooms
	$(PYTHON) -m ruff check --quiet .
	$(PYTHON) -m ruff format --check --quiet .
	$(VENV)/bin/lint-imports --no-logo
	$(NPM) run lint --silent

types: setup-dev ## mypy and svelte-check
	$(PYTHON) -m mypy .
	$(NPM) run check --silent

front: setup-dev ## tests of the page's own code
	$(NPM) test --silent

# --- make ------------------------------------------------------------------------------------------------------------

gen: setup-dev ## regenerate examples, protocol page, wire types, README table and dist/
	$(PYTHON) -m configs.generate
	$(PYTHON) -m docs.third_party
	$(PYTHON) -m ws.schema
	$(NPM) run build --silent

# What has a main() is a measurement; the rest is what they share.
bench: $(VENV)/.ready-dev ## print all measurements (docs/PERFORMANCE.md); more than half an hour
	for each in $$(grep -l "^def main" tests/bench/*.py) scale terminal; do \
		name="$$(basename "$$each" .py)"; echo "== $$name"; $(OWN) $(PYTHON) -m "tests.bench.$$name" || exit 1; \
	done

bench-scale: $(VENV)/.ready-dev ## how Main's cost grows with nodes, pages and events, as Markdown (3 minutes)
	$(OWN) $(PYTHON) -m tests.bench.scale $(ARGS)

bench-terminal: $(VENV)/.ready-dev ## terminals beside a PTY read directly, sshd, ttyd and Jupyter's, as Markdown (6 minutes)
	$(OWN) $(PYTHON) -m tests.bench.terminal $(ARGS)

chaos: setup-dev ## break everything at random for 10 minutes (ARGS="--minutes 60 --seed 100")
	$(OWN) $(PYTHON) -m tests.chaos $(ARGS)

leaks: $(VENV)/.ready-dev ## open and close 1,000 terminals: no orphan, no zombie, no descriptor stays (10 minutes)
	$(OWN) $(PYTHON) -m pytest -q tests/system/terminals -k lives --terminal-lives=1000 $(ARGS)

LOCK := $(VENV)/bin/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

lock: $(VENV)/.ready-dev ## resolve the Python packages anew within pyproject.toml (ARGS=--upgrade takes newer ones)
	$(LOCK) $(ARGS) pyproject.toml -o requirements-main.txt
	$(LOCK) $(ARGS) --extra node pyproject.toml -o requirements.txt
	$(LOCK) $(ARGS) --extra node --extra dev pyproject.toml -o requirements-dev.txt

clean: ## remove what set-up and tools have made here, never any data
	rm -rf $(VENV) $(FRONTEND)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
