# Two commands do all set-up: `make quickstart` and `make test`. Both work in .venv; feature classifiers are
# kept in ~/.cache/tf_stugan.

PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/quickstart

.PHONY: quickstart test lint clean

quickstart: .venv/installed
	$(BIN)/tf-stugan train --workdir=$(RUN) --gin_file=quickstart.gin
	$(BIN)/tf-stugan sample --workdir=$(RUN) --seeds=0-63
	$(BIN)/tf-stugan export --workdir=$(RUN)
	$(BIN)/tf-stugan report --workdirs=$(RUN) --output=$(RUN)/report

test: .venv/installed_test
	$(BIN)/python -m pytest -m "not slow and not browser"

lint: .venv/installed_dev
	$(BIN)/ruff check .

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info < (3, 13), "Python 3.10 to 3.12 is needed: make PYTHON=python3.11"'
	$(PYTHON) -m venv .venv
	# The pip that comes with Python 3.10 does not come to an end with these requirements; constraints-3.10.txt is for who keeps it.
	$@ -m pip install --quiet --disable-pip-version-check --upgrade pip

.venv/installed: .venv/bin/python setup.cfg pyproject.toml
	@echo 'Installing into .venv: some 2.8 GB, several minutes ...'
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	touch $@

.venv/installed_%: .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[$*]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
