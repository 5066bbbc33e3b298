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
FOLDER ?=
LIB ?= target/release/libscnative.so
STATIC_LIB ?= $(LIB:.so=.a)
PREFIX ?= /usr/local
R_LIBRARY ?= target/r-library
OPS ?=
PEERS ?=
THREADS ?= 2
BENCH := target/bench

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
test: begin-test lint test-rust test-python test-wheel test-counts test-cpp test-r test-julia test-cross-language test-demo ## everything, setting up what it needs
	@if [ -s target/skipped ]; then printf '\n=== NOT TESTED on this machine (see above for what it needs): ===\n' >&2; cat target/skipped >&2; fi

# First of all, since the tests of Python compare with R and Seurat, too. What cannot be had here is said by the part that needs it.
.PHONY: begin-test
begin-test:
	@rm -f target/skipped
	@tests/setup/cpp.sh || true
	@tests/setup/r.sh || true

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

# Where the compiler or the processor is not that of the record there is nothing to compare: that is said, and is no failure.
.PHONY: test-counts
test-counts: wheel ## that no kernel takes more instructions than recorded, nor fewer (callgrind)
	@if tests/setup/cpp.sh; then \
		$(PY) benches/counts.py "$(WHEEL_LIB)" || { [ $$? = 3 ] && mkdir -p target && echo "instruction counts" >> target/skipped; }; \
	else tests/setup/skip.sh "instruction counts"; fi

.PHONY: counts
counts: wheel ## record the instruction counts that there are now: for changes that are meant
	tests/setup/cpp.sh
	$(PY) benches/counts.py "$(WHEEL_LIB)" --update

# Each language's tests run where the machine has the language, or may install it; where not, that is said, and said again at the end.
TESTED_LIB := SCNATIVE_LIB="$(CURDIR)/$(WHEEL_LIB)"

.PHONY: test-cpp
test-cpp: wheel ## the C++ header, and programs that find the installed library by CMake and pkg-config
	@if tests/setup/cpp.sh; then $(TESTED_LIB) $(PY) -m pytest tests/cpp tests/cmake $(PYTEST); else tests/setup/skip.sh "C++ and CMake"; fi

.PHONY: r
r: ## the R package, with the library in it, into target/r-library (R_LIBRARY=folder for another)
	tests/setup/r-install.sh "$(LIB)" "$(R_LIBRARY)"

.PHONY: test-r
test-r: wheel ## the R package beside Seurat: R CMD check, which runs its tests and builds its vignette
	@if tests/setup/r.sh; then $(TESTED_LIB) SCNATIVE_PYTHON="$(CURDIR)/$(PY)" tests/setup/r-check.sh; else tests/setup/skip.sh R; fi

.PHONY: test-julia
test-julia: wheel ## the Julia package
	@if julia=$$(tests/setup/julia.sh target/julia); then \
		$(TESTED_LIB) "$$julia" --project=bindings/julia/ScNative bindings/julia/ScNative/test/runtests.jl; \
	else tests/setup/skip.sh Julia; fi

.PHONY: test-cross-language
test-cross-language: wheel ## that all languages give the same bits, and all examples print the same
	@if tests/setup/r.sh; then tests/setup/r-install.sh "$(WHEEL_LIB)" target/r-library; else tests/setup/skip.sh "R, beside the other languages"; fi
	$(TESTED_LIB) SCN_JULIA="$$(tests/setup/julia.sh target/julia || echo julia)" $(PY) -m pytest -rs tests/cross_language $(PYTEST)

.PHONY: examples
examples: build $(VENV)/ready ## the same analysis of PBMC 3k in Python, R, Julia, C and C++ (FOLDER=a 10x folder of your own)
	PYTHON="$(CURDIR)/$(PY)" examples/all.sh "$(FOLDER)"

.PHONY: embed
embed: build $(VENV)/ready ## blood cells as vectors by a foundation model, into report/embedding.png (MODEL=scgpt-human for a real one)
	mkdir -p report
	PYTHONPATH="$(CURDIR)/bindings/python" $(PY) examples/embed.py $(MODEL) --out report/embedding.png

.PHONY: test-demo
test-demo: ## make demo, make examples and make embed as a user calls them, without the network
	rm -rf report
	SCNATIVE_OFFLINE=1 $(MAKE) demo
	grep -q "</html>" report/index.html
	SCNATIVE_OFFLINE=1 $(MAKE) examples
	SCNATIVE_OFFLINE=1 $(MAKE) embed
	test -s report/embedding.png

.PHONY: header
header: $(VENV)/ready ## include/scnative.h, and what follows from it, from src/ffi
	$(HEADER)
	$(PY) bindings/python/generate_abi.py
	$(PY) bindings/r/generate_abi.py
	$(PY) bindings/julia/generate_abi.py
	$(PY) tests/cross_language/table.py

.PHONY: abi
abi: header wheel ## record the ABI that there is now in tests/abi: for changes that are meant
	SCN_UPDATE=1 SCNATIVE_LIB="$(CURDIR)/$(WHEEL_LIB)" $(PY) -m pytest -q tests/python/test_abi.py

.PHONY: bench
bench: wheel ## every operation beside every peer: docs/benchmarks.md (a part: OPS=hvg,qc PEERS=brisc DATA=W1; THREADS=2)
	benches/setup.sh "$(PYTHON)" $(BENCH)/venv
	@if tests/setup/r.sh; then tests/setup/r-install.sh "$(WHEEL_LIB)" target/r-library; else echo "without R" >&2; fi
	$(BENCH)/venv/bin/python benches/run.py --library "$(WHEEL_LIB)" --wheel dist/*.whl \
		--ops "$(OPS)" --peers "$(PEERS)" --data "$(DATA)" --threads $(THREADS)

.PHONY: bench-kernels
bench-kernels: ## the micro-benchmarks in Rust, for work on a kernel (OPS=words in its name)
	$(CARGO) bench --profile fast --bench kernels -- $(OPS)

.PHONY: install
install: ## the library, headers, CMake and pkg-config files into PREFIX (/usr/local); also DESTDIR, LIBDIR, INCLUDEDIR, DATADIR
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DATADIR="$(DATADIR)" \
		LIB="$(LIB)" STATIC_LIB="$(STATIC_LIB)" cmake/install.sh

.PHONY: uninstall
uninstall: ## remove what `make install` with the same settings put there
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DATADIR="$(DATADIR)" cmake/install.sh --uninstall

.PHONY: clean
clean: ## remove all that was made
	rm -rf target $(VENV) report dist

$(VENV)/ready: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r $<
	touch $@
