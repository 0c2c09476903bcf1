# Two commands do everything: `make demo` and `make test`. Each installs what it needs into .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
TESTS ?= tests
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup
# The tests that take every way through actions, gate, courier and wall (`tool.coverage` in pyproject.toml).
COVERING := tests/exchange tests/kernel/tenancy tests/kernel/accounts tests/oem tests/dealer tests/dealernet/commands
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup setup-dev demo test cover mutate lint bench prove css messages schemas clean packages

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Dealernet needs Python 3.11 with its venv module."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(UV): $(BIN)/python
	$(BIN)/python -m pip install -q uv==$(UV_VERSION)
	@touch $(UV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

setup: $(VENV)/.runtime  ## what the product needs
setup-dev: $(VENV)/.dev  ## and what its tests and checks need

demo: setup  ## a manufacturer and three dealerships with data, on embedded servers; ends with Ctrl-C
	$(BIN)/dealernet up --demo

packages:
	@sh deploy/packages.sh

ifeq ($(TESTS),tests)
test: cover
endif
test: setup-dev packages  ## every test, the browser's too; TESTS=tests/… for some of them
	$(PYTEST) $(if $(filter tests,$(TESTS)),$(addprefix --ignore=,$(COVERING))) $(TESTS)
	@if [ -d tests/browser ]; then $(BIN)/python -m pytest -q --override-ini=addopts= --import-mode=importlib -p no:cacheprovider tests/browser; fi

cover: setup-dev  ## no line and no branch of actions, gate, courier and wall without a test
	$(PYTEST) --cov --cov-report=term $(COVERING)

mutate: setup-dev packages  ## whether tests notice a wrong line in gate, courier and wall (docs/mutation.md); WITH="gate --sample 50"
	$(BIN)/python -m tests.mutation $(WITH)

lint: setup-dev  ## style, types, imports, templates, migrations, deploy check, known vulnerabilities
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/lint.sh

bench: setup-dev
	$(BIN)/dealernet bench

prove: setup-dev
	$(BIN)/dealernet prove

schemas: setup-dev  ## after a new migration: record its SQL; the result is committed
	$(BIN)/python -m dealernet.recorded

css:  ## needs Node; the result is committed
	cd shared/kernel/ui/styles && npm ci && npm run build

clean:
	rm -rf $(VENV) .dealernet artifacts
