# Every target does its own set-up, on a fresh machine too.
PYTHON ?= python3
BIN := .venv/bin
FRONTEND := ragnb/widget/frontend
HOME_DEMO := build/demo
PEERS := $(addprefix benchmarks/peers/,litellm_proxy.py transformers_serve.py fallbacks.py)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo lab test bench lint format clean notebooks frontend bundle chromium node
.DEFAULT_GOAL := demo

## demo: ingest data/, ask, stream a cited answer; write the executed notebook and its HTML
demo: .venv/ready
	@mkdir -p $(HOME_DEMO)
	cd data && ../$(BIN)/ragnb ingest handbook --home ../$(HOME_DEMO)/home
	cd data && ../$(BIN)/ragnb ask "How do refunds work?" --home ../$(HOME_DEMO)/home
	$(BIN)/papermill --cwd notebooks notebooks/01_quickstart.ipynb $(HOME_DEMO)/01_quickstart.ipynb
	$(BIN)/jupyter nbconvert --to html $(HOME_DEMO)/01_quickstart.ipynb
	@echo "Executed notebook: $(HOME_DEMO)/01_quickstart.ipynb"
	@echo "As a page:         $(HOME_DEMO)/01_quickstart.html"

## lab: open the notebooks in JupyterLab
lab: .venv/ready
	$(BIN)/jupyter lab notebooks

## test: everything
test: .venv/ready chromium lint frontend
	$(BIN)/pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## frontend: types and tests of the answer cell's TypeScript; the committed bundle must be what it makes
frontend: $(FRONTEND)/node_modules/ready
	cd $(FRONTEND) && npm run --silent check && npm test --silent

## bundle: build the answer cell's front end anew, to be committed
bundle: $(FRONTEND)/node_modules/ready
	cd $(FRONTEND) && npm run --silent build

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## bench: every figure in the documents; peers are installed under build/peers, or skipped
bench: .venv/ready
	for script in benchmarks/*.py $(PEERS); do $(BIN)/python $$script || exit 1; done

## notebooks: execute them and save them with their outputs
notebooks: .venv/ready
	$(BIN)/python tests/notebooks/save.py notebooks

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"
	@touch $@

$(FRONTEND)/node_modules/ready: $(FRONTEND)/package-lock.json | node
	cd $(FRONTEND) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Only to change or test the front end: its bundle is committed.
node:
	@command -v npm >/dev/null || { \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq nodejs npm >/dev/null; }

# Browser tests drive Debian's chromium.
chromium:
	@command -v chromium >/dev/null || { \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq chromium >/dev/null; }

clean:
	rm -rf .venv $(FRONTEND)/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
