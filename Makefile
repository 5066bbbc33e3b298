# make help lists what there is. Everything is made inside the checkout: target/ and .venv/.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/ready: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r tests/python/requirements.txt
	touch $@

.PHONY: header
header: $(VENV)/ready ## make include/scnative.h and the Python declarations from src/ffi
	SCN_UPDATE=1 cargo test --quiet --test header
	$(PY) bindings/python/generate_abi.py
