# make demo    environment, then the whole workflow on the embedded demo corpus, and its report
# make demo-llm  environment, then the second study on a tiny model and its own demo corpus, likewise
# make test    environment, then the tests
# make lint    environment, then formatting, style, workflow and type checks
# make slurm-check   what a first run on a Slurm cluster lacks (see the README)
# make test-slurm    the tests on a throw-away Slurm; needs root on Debian
# make setup   environment alone (.venv; Python 3.11 or newer)
# make clean   remove environment, caches and the demo's files; other results stay

PYTHON ?= python3
VENV ?= .venv
CORES ?= all
BIN := $(VENV)/bin

.PHONY: demo demo-llm test lint slurm-check test-slurm setup clean

demo: setup
	$(BIN)/snakemake report --cores $(CORES) --quiet rules --configfile config.yaml workflow/grids/demo.yaml

demo-llm: setup
	$(BIN)/snakemake report --cores $(CORES) --quiet rules --configfile config.yaml workflow/grids/demo_llm.yaml

test: setup
	$(BIN)/python -m pytest $(PYTEST)

slurm-check: setup
	$(BIN)/python scripts/slurm_check.py $(CONFIG)

test-slurm: setup
	$(BIN)/python -m pytest -m slurm tests/bench tests/slurm $(PYTEST)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy

setup: $(VENV)/complete

$(VENV)/complete: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis results/demo resources/demo results/demo_llm resources/demo_llm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
