# Everything a new checkout needs, with Python 3.11 to 3.13 and pip and nothing else: `make demo`, `make test`.
# Another Python: `make setup PYTHON=python3.12`.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
OUT := demo/out

.DEFAULT_GOAL := help
.PHONY: help setup demo ray-demo spark-demo wheel test proof bench bench-quick lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## make .venv with everything the demo and the tests need (once; a few minutes)

demo: setup  ## fetch real web pages, curate them, and say where corpus, report and tokens are
	@$(BIN)/python pipelines/demo_pages.py
	@$(BIN)/curate run pipelines/smoke.toml --out $(OUT)

ray-demo: setup  ## the demo by a Ray on this machine: the digest is that of `curate digest demo/out`
	@$(BIN)/python pipelines/demo_pages.py
	@$(BIN)/python pipelines/ray_job.py pipelines/smoke.toml --out demo/ray
	@$(BIN)/curate digest demo/ray

spark-demo: setup  ## the same by spark-submit; needs Java 17 or later
	@$(BIN)/python pipelines/demo_pages.py
	@PYSPARK_PYTHON=$(BIN)/python $(BIN)/spark-submit --master 'local[*]' --conf spark.log.level=ERROR \
		pipelines/spark_job.py pipelines/smoke.toml --out demo/spark
	@$(BIN)/curate digest demo/spark

wheel: setup  ## dist/curate-*.whl for clusters, and the same as dist/curate.zip, since Spark imports from no .whl
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@cp dist/curate-*.whl dist/curate.zip
	@ls dist

test: lint  ## lint, types and all tests but the long ones (at most 15 minutes on 2 cores)
	$(BIN)/pytest -n 2 -m "not proof"

proof: setup  ## the long runs behind the figures in the documentation
	$(BIN)/pytest -m proof -s

bench: setup  ## the tables of docs/performance.md, beside other tools, which pip installs (hours; into build/)
	$(BIN)/python tests/benchmarks --markdown build/performance.md

bench-quick: setup  ## the same with little data, to see that all of it works (minutes, once the tools are installed)
	$(BIN)/python tests/benchmarks --quick --markdown build/performance-quick.md

lint: setup  ## ruff check, ruff format, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## delete what make has made: .venv, demo/, caches
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an interrupted install is done again, a finished one never.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "curate needs Python 3.11, 3.12 or 3.13, and none is on the PATH." \
		"Say which one to use: make setup PYTHON=/path/to/python3.12"; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit( \
		"curate needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d. Say which one to use: " \
		"make setup PYTHON=/path/to/python3.12" % v)'
	@test ! -e $(BIN)/python || $(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "$(VENV) holds another Python than 3.11 to 3.13: make clean, then make setup"; exit 2; }
	@# Some systems split venv's copy of pip from Python; then the system's own pip installs it.
	@echo "making $(VENV) with everything that demo and tests need; once, a minute or a few"
	@$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
