# `make run` and `make test` do all the set-up; everything they make is under .venv and run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The dashboard, built; and everything that it is built from.
UI := bridge/analytics/ui
STATIC := bridge/analytics/static/index.html
UI_SOURCES := $(shell find $(UI) -path $(UI)/node_modules -prune -o -type f -print)
# Percent of intake's, the journal's and delivery's lines and branches that the tests take at least.
FLOOR := 90

.PHONY: help install run demo test test-services screenshots test-full image-test fuzz soak audit bench bench-full profile check coverage format lint types lock sample dashboard page page-check dist clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

# The package is not installed but found where it is, and the command is the image's, with this Python.
$(VENV)/.installed: requirements-analytics.lock deploy/image/apim-bridge
	@$(PYTHON) -c 'import sys; sys.exit("apim-bridge needs Python 3.11 or newer; try make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-analytics.lock
	$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "apim-bridge.pth").write_text("$(CURDIR)")'
	sed '1s|.*|#!$(CURDIR)/$(BIN)/python|' deploy/image/apim-bridge > $(BIN)/apim-bridge
	chmod 755 $(BIN)/apim-bridge
	@touch $@

$(VENV)/.ready: $(VENV)/.installed requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Vite empties the folder first: an index.html that is there is of this build.
$(STATIC): $(VENV)/.installed $(UI_SOURCES)
	PYTHON=$(CURDIR)/$(BIN)/python $(UI)/build

page: $(STATIC)  ## build the dashboard of the analytics

page-check: $(VENV)/.installed  ## the dashboard's types and tests
	PYTHON=$(CURDIR)/$(BIN)/python $(UI)/build check

dist: $(VENV)/.ready $(STATIC)  ## build the wheel and the source distribution, with the dashboard in them
	rm -rf dist
	$(BIN)/hatchling build --directory dist

install: $(VENV)/.installed $(STATIC)  ## set up what running needs: .venv/bin/apim-bridge works then

run: install  ## run the bridge beside a made-up gateway, with files and a dashboard as its destinations
	$(BIN)/apim-bridge demo --live config/quickstart.toml

demo: install  ## an outage, a rotation and a kill -9, live, with the books at the end
	$(BIN)/apim-bridge demo

test: $(VENV)/.ready  ## the tests, in under three minutes
	$(BIN)/pytest

# Chromium is Debian's; without it the tests say that they could not run.
test-services: $(VENV)/.ready $(STATIC)  ## the dashboard in a real browser, complete whatever is killed, from its wheel, with API Analytics' clients, and every kind of sandbox
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-services.lock
	command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } || true
	$(BIN)/pytest -rs -n 2 tests/services
	$(BIN)/pytest --full -rs -n 2 tests/analytics/server/test_sandbox_holds.py

screenshots: $(VENV)/.ready $(STATIC)  ## the dashboard's pictures in docs/images (needs Chromium)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-services.lock
	PYTHONPATH=tests $(BIN)/python tests/services/screenshots.py

test-full: $(VENV)/.ready $(STATIC)  ## the same tests in their long forms
	$(BIN)/pytest --full -rs --durations 10
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-services.lock
	$(BIN)/pytest --full -rs -n 0 tests/services/test_complete.py

image-test: $(VENV)/.ready  ## build both targets of the image in a bare Debian root and run them (needs root and debootstrap)
	$(BIN)/pytest --full -rs -n 0 tests/deploy/test_image.py tests/deploy/test_image_built.py

fuzz: $(VENV)/.ready  ## real lines harmed in every way, for SECONDS=60
	$(BIN)/python tests/fuzz.py $(or $(SECONDS),60)

bench: $(VENV)/.ready  ## what an event costs, beside a bare loop; in about three minutes
	$(BIN)/python tests/bench

bench-full: $(VENV)/.ready  ## the same with a million events, and growth to ten million
	$(BIN)/python tests/bench --full

profile: $(VENV)/.ready  ## where the time goes, from a log and over HTTP
	$(BIN)/python tests/bench --profile

soak: $(VENV)/.ready  ## the whole daemon under chaos, for MINUTES=20; SEED=… repeats a run's decisions
	PYTHONPATH=tests $(BIN)/python -m soak.soak $(or $(MINUTES),20) $(SEED)

# Strict: what cannot be looked up is a fault, or an unreachable service would pass for good news.
audit: $(VENV)/.ready  ## look up the locked dependencies among known vulnerabilities (needs the network)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

check: $(VENV)/.ready page-check  ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

# What may lose an event is held to a floor of its own, by its own tests.
coverage: $(VENV)/.ready  ## the lines and branches of intake, journal and delivery that their tests take
	$(BIN)/pytest --cov --cov-report= tests/test_intake.py tests/journal tests/delivery
	$(BIN)/coverage report --skip-covered --sort=cover --fail-under $(FLOOR) --include 'bridge/intake.py,bridge/aside.py,bridge/journal/*,bridge/delivery/*'

format: $(VENV)/.ready  ## put the code into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sample: $(VENV)/.ready  ## write config/bridge.toml and its schema anew from the settings
	$(BIN)/python -m bridge.cli.sample > config/bridge.toml
	$(BIN)/python -m bridge schema > config/bridge.schema.json

dashboard: $(VENV)/.ready  ## write deploy/grafana/apim-bridge.json anew from panels.toml
	$(BIN)/python deploy/grafana/dashboard.py > deploy/grafana/apim-bridge.json

lock: $(VENV)/.ready  ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra analytics -c requirements.lock pyproject.toml -o requirements-analytics.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev --extra analytics -c requirements-analytics.lock pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra services -c requirements-dev.lock pyproject.toml -o requirements-services.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group pyproject.toml:page -o requirements-page.lock

clean:  ## remove what the commands above made
	rm -rf $(VENV) run dist .mypy_cache .pytest_cache .ruff_cache .hypothesis $(UI)/node_modules bridge/analytics/static
