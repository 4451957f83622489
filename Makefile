# Testigo. Every target sets up what it needs by itself; nothing has to be prepared by hand.
#   make demo    the whole journey on real input, pictures in build/demo/
#   make test    all tests
#   make servers the real servers that tests of shared links run on loopback; without them those tests are skipped
#   make run     the tray        make check   style, types, house rules        make bench   measurements

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup servers run demo test check style types-linux types-win32 types-darwin house bench clean
setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml packaging/debian-packages.txt packaging/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh packaging/setup.sh
	@touch $(STAMP)

servers:
	@PYTHON="$(PYTHON)" sh packaging/servers.sh

run: setup
	@$(BIN)/python -m client

demo: setup
	@$(BIN)/python -m tests.journeys.demo

test: setup
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Parts that do not wait for each other: “make -j2 check”.
check: style types-linux types-win32 types-darwin house

style: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types-linux types-win32 types-darwin: types-%: setup
	@$(BIN)/mypy --platform $* --cache-dir build/types/$*

house: setup
	@$(BIN)/python -m pytest tests/test_house.py

bench: setup
	@PYTHON="$(PYTHON)" VENV="$(VENV)" PACKAGES="debian-packages.txt debian-packages-bench.txt" sh packaging/setup.sh
	@$(BIN)/python -m tests.bench

clean:
	rm -rf build $(VENV)
