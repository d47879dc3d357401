# Two commands: `make run` shows completions, `make test` proves the project. Both need Python >= 3.11 only.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
EXE := .exe
else
BIN := $(VENV)/bin
EXE :=
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test check lint demo e2e fuzz clean

run: $(VENV)/.serve
	$(BIN)/tabwright demo

test: check

# ruff, types, import contracts, then every test; the end-to-end ones run last.
check: lint
	$(BIN)/python -m pytest -m "not e2e" -q
	$(BIN)/python -m pytest -m e2e -q

# A million messages, valid and not, to the server; TABWRIGHT_FUZZ_SEED draws others.
fuzz: export TABWRIGHT_FUZZ ?= 1000000
fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest tests/lsp_server/test_fuzz.py -q

# The end-to-end tests with real editors, fetched once into a cache folder; what cannot be had is skipped.
e2e: $(VENV)/.dev
	-$(BIN)/python tests/editors/editor_packages.py
	$(BIN)/python -m pytest tests/editors tests/e2e -m e2e -q
	cd vscode-extension && npm ci --ignore-scripts && npm run test:vscode

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

$(BIN)/python$(EXE):
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and 'Tabwright needs Python 3.11 or newer, this is %d.%d' % v)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python$(EXE)
	$(PIP) install --quiet --constraint constraints.txt --editable ".[cpu]"
	$(BIN)/python -c "open('$(VENV)/.serve', 'w').close()"

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python$(EXE)
	$(PIP) install --quiet --constraint constraints.txt --editable ".[cpu,data,hub,ray,train,eval,dev]"
	$(BIN)/python -c "open('$(VENV)/.dev', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('$(VENV)', 'dist', '.mypy_cache', '.ruff_cache', '.pytest_cache', '.hypothesis')]"
