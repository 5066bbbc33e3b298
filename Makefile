# `make help` lists what there is. Everything is made inside the checkout: target/, .venv/, report/, dist/.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
PY := $(VENV)/bin/python
# The wheel's library is built against a glibc of 2012, by zig as linker.
GLIBC_TARGET := x86_64-unknown-linux-gnu
WHEEL_LIB := target/$(GLIBC_TARGET)/release/libscnative.so
HEADER := $(CARGO) run --quiet --manifest-path tests/header/Cargo.toml --target-dir target/header --
DATA ?=

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## the release library, target/release/libscnative.so
	$(CARGO) build --release

.PHONY: demo
demo: build $(VENV)/ready ## analyse real cells (DATA=file or folder of your own) and write report/index.html
	PYTHONPATH="$(CURDIR)/bindings/python" $(PY) examples/pbmc3k.py --out report $(if $(DATA),--data "$(DATA)")

.PHONY: test
test: lint test-rust test-python test-wheel test-demo ## everything, setting up what it needs

.PHONY: lint
lint: ## formatting and clippy, as the tests hold it
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets -- --deny warnings

.PHONY: test-rust
test-rust: ## Rust unit, integration and layout tests, and that the header is up to date
	$(HEADER) --check
	$(CARGO) test

.PHONY: test-python
test-python: wheel ## the C ABI and the Python package on the wheel's library, beside scanpy, scipy and scikit-misc
	SCNATIVE_LIB="$(CURDIR)/$(WHEEL_LIB)" $(PY) -m pytest tests/python $(PYTEST)

.PHONY: wheel
wheel: $(VENV)/ready ## one wheel for every Python and every Linux since glibc 2.17, in dist/
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(CARGO) zigbuild --release --target $(GLIBC_TARGET).2.17
	mkdir -p bindings/python/scnative/_lib
	cp $(WHEEL_LIB) bindings/python/scnative/_lib/
	rm -rf dist bindings/python/build
	$(PY) -m build --quiet --wheel --no-isolation --outdir dist bindings/python; \
		status=$$?; rm -rf bindings/python/scnative/_lib bindings/python/build bindings/python/*.egg-info; exit $$status

.PHONY: test-wheel
test-wheel: wheel ## the wheel: its tag, what it needs, and that it works beside numpy alone
	$(PY) tests/python/check_wheel.py dist

.PHONY: test-demo
test-demo: ## make demo as a user calls it, without the network
	rm -rf report
	SCNATIVE_OFFLINE=1 $(MAKE) demo
	grep -q "</html>" report/index.html

.PHONY: header
header: $(VENV)/ready ## include/scnative.h, and what follows from it, from src/ffi
	$(HEADER)
	$(PY) bindings/python/generate_abi.py

.PHONY: abi
abi: header wheel ## record the ABI that there is now in tests/abi: for changes that are meant
	SCN_UPDATE=1 SCNATIVE_LIB="$(CURDIR)/$(WHEEL_LIB)" $(PY) -m pytest -q tests/python/test_abi.py

.PHONY: clean
clean: ## remove all that was made
	rm -rf target $(VENV) report dist

$(VENV)/ready: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r $<
	touch $@
