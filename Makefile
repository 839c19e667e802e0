# AetherLink Command. `make help` lists what there is.
# Nothing here needs root, and nothing is installed outside this folder (.venv, .cache, .lab).

VENV ?= .venv
BIN := $(VENV)/bin
LAB := $(VENV)/.lab
DEV := $(VENV)/.dev
SETUP_INPUTS := pyproject.toml pods/crm/pyproject.toml requirements/build.txt
export VENV

# Prometheus, Alertmanager and their tools: found, or fetched into .cache/tools. A test that misses one says so itself.
TOOLS = $(BIN)/python -m aetherlink.lab.tools

UV_COMPILE = $$(scripts/setup.sh uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help demo up down drill setup test test-long mutation lint docs screens bench lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(LAB) ## start the lab, break the CRM once, watch the agent heal it (KEEP=1: leave the lab running)
	@$(BIN)/aether lab demo $(if $(KEEP),--keep) $(ARGS)

up: $(LAB) ## start the lab alone; ends with Ctrl-C or `make down`
	@$(BIN)/aether lab up $(ARGS)

down: $(LAB) ## stop the lab
	@$(BIN)/aether lab down $(ARGS)

drill: $(LAB) ## break the CRM of a lab that runs, and watch
	@$(BIN)/aether drill crm-api-killed $(ARGS)

setup: $(DEV) ## make .venv with everything; PYTHON=python3.12 picks the interpreter

test: $(DEV) ## run every test but the long ones; says first and last what is absent (ARGS="-k word" narrows)
	-@$(TOOLS) --generation stable --generation next
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

test-long: $(DEV) ## run the full counts, T=T07 for one; a second run goes on where the first stopped (FRESH=1: anew)
	@$(if $(FRESH),rm -rf .cache/test-long)
	-@$(TOOLS) --generation stable
	@$(BIN)/python -m pytest -m long --resume-long=.cache/test-long --timeout 2400 $(if $(T),-k $(T)) $(ARGS)

mutation: $(DEV) ## change the code that decides, bit by bit, and list what no test notices (PART=target_rules alone)
	@$(BIN)/python scripts/mutation.py $(PART) $(ARGS)

lint: $(DEV) ## check style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(DEV) ## write docs/reference anew from the code
	@$(BIN)/python docs/generate.py

screens: $(DEV) ## make the images of the console in docs/images anew, in a real Chromium
	@AETHER_WRITE_SCREENS=1 $(BIN)/python -m pytest tests/acceptance/api/test_console_screens.py $(ARGS)

bench: $(DEV) ## measure and print, measured beside asked (PART=intake alone; also demo rest growth group live steady lists console act decide docker)
	-@$(TOOLS) --generation stable
	@$(BIN)/python -m bench $(PART) $(ARGS)

lock: ## compile the locks anew (UPGRADE=1: to the newest versions)
	@echo hatchling | $(UV_COMPILE) - -o requirements/build.txt $(if $(UPGRADE),--upgrade)
	@$(UV_COMPILE) pyproject.toml pods/crm/pyproject.toml --extra dev -o requirements/dev.txt $(if $(UPGRADE),--upgrade)
	@$(UV_COMPILE) pyproject.toml pods/crm/pyproject.toml --extra lab -c requirements/dev.txt -o requirements/lab.txt
	@$(UV_COMPILE) pyproject.toml --extra docker --extra postgres --extra apprise --extra pagerduty --extra slack --extra mcp --extra oidc -c requirements/dev.txt -o requirements/agent.txt
	@$(UV_COMPILE) pods/crm/pyproject.toml -c requirements/dev.txt -o pods/crm/requirements.txt

$(LAB): $(SETUP_INPUTS) requirements/lab.txt
	@scripts/setup.sh lab

$(DEV): $(SETUP_INPUTS) requirements/dev.txt
	@scripts/setup.sh dev
