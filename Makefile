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

.PHONY: run test check lint demo e2e feel fuzz long dist clean

run: $(VENV)/.serve
	$(BIN)/tabwright demo

test: check

# ruff, types, import contracts, then every test; the end-to-end ones run last. A process of pytest for each core,
# which then computes with one thread; a file's tests stay together, for what they share is made once. Files keep
# the order that tests/conftest.py gives them: in xdist's own, those of few tests and many seconds come last.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
check: export OMP_NUM_THREADS ?= 1
check: export PYTHONDONTWRITEBYTECODE :=  # or each process that a test starts would compile the project anew
check: lint
	$(PYTEST) -q

# A million messages, valid and not, to the server; TABWRIGHT_FUZZ_SEED draws others.
fuzz: export TABWRIGHT_FUZZ ?= 1000000
fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest tests/lsp_server/test_fuzz.py -q

# What `make test` has shortened, whole: every place of every planted secret, a build that is killed twenty times.
long: export TABWRIGHT_LONG ?= 1
long: $(VENV)/.dev
	$(BIN)/python -m pytest tests/e2e/test_secrets_stay.py tests/e2e/test_corpus_build.py -q

# The end-to-end tests with real editors, fetched once into a cache folder; what cannot be had is skipped.
e2e: $(VENV)/.dev
	-$(BIN)/python tests/editors/editor_packages.py
	-$(BIN)/python tests/e2e/llama_server.py
	$(BIN)/python -m pytest tests/editors tests/e2e -m e2e -q
	cd vscode-extension && npm ci --ignore-scripts && npm run test:vscode

# From the key to ghost text on the screen of the real Neovim and VS Code; on an idle machine, about ten minutes.
feel: $(VENV)/.dev
	-$(BIN)/python tests/editors/editor_packages.py neovim terminal
	cd vscode-extension && npm ci --ignore-scripts && npm run package
	$(BIN)/python tests/editors/feel.py

# The last commit as sdist, wheel and .vsix in dist/, with a bill of materials, licences and checksums.
dist: $(VENV)/.dev
	$(BIN)/python .ci/release

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/mypy --num-workers 2 --strict .ci/release
	$(BIN)/lint-imports --no-cache

$(BIN)/python$(EXE):
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and 'Tabwright needs Python 3.11 or newer, this is %d.%d' % v)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python$(EXE)
	$(PIP) install --quiet --constraint constraints.txt --editable ".[cpu]"
	$(BIN)/python -c "open('$(VENV)/.serve', 'w').close()"

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python$(EXE)
	$(PIP) install --quiet --constraint constraints.txt --editable ".[cpu,remote,data,hub,ray,train,eval,dev]"
	$(BIN)/python -c "open('$(VENV)/.dev', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('$(VENV)', 'dist', '.mypy_cache', '.ruff_cache', '.pytest_cache', '.hypothesis')]"
