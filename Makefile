.PHONY: link-order size test-hosts check-platforms release release-check demo test soak fuzz check mcp-config install uninstall dist dist-check docs record bench lint test-clis test-clients test-conformance test-page page build tools fmt

BINARY := target/release/maestro-mcp
CARGO ?= cargo

## A whole run on a failing program, without a model.
demo: build
	$(BINARY) demo

## Every test. Needs Rust, python3 and git; nothing else is installed for it. Many tests wait for processes, so there is
## one thread more than processors.
test:
	@command -v python3 >/dev/null || { echo "make test needs python3 for the failing program of the demo"; exit 1; }
	$(CARGO) build --locked --bins --examples
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(getconf _NPROCESSORS_ONLN) + 1))} $(CARGO) test --locked

## The long tests: 2,000 random patches against git apply, 200 kills in the middle of runs, and for
## SOAK_SECONDS 8 servers on one project with 64 CLIs that misbehave; prints the counts.
soak:
	$(CARGO) build --locked --bins --examples
	MAESTRO_SOAK_EDITS=2000 $(CARGO) test --locked --test it -- change::random
	MAESTRO_SOAK_KILLS=200 $(CARGO) test --locked --test it -- workflow::crash
	MAESTRO_SOAK_SECONDS=$${SOAK_SECONDS:-600} $(CARGO) test --locked --test it -- --nocapture load::

## Feeds arbitrary bytes as patches, for FUZZ_SECONDS: nothing panics, and nothing outside the project changes.
fuzz:
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} ./fuzz/run.sh

build:
	$(CARGO) build --locked --release

## Shows what is installed, logged in and registered, and the next step for each problem.
check: build
	$(BINARY) check

## The entry for .mcp.json.
mcp-config: build
	@$(BINARY) mcp-config

INSTALLED := "$${CARGO_INSTALL_ROOT:-$${CARGO_HOME:-$$HOME/.cargo}}/bin/maestro-mcp"

## Puts the binary where cargo puts binaries, completions and manual page where shells and man
## look for them, and registers it with Claude Code.
install:
	$(CARGO) install --locked --path .
	./packaging/share.sh install $(INSTALLED)
	$(INSTALLED) install

## Removes everything that `make install` installed.
uninstall:
	$(INSTALLED) uninstall
	./packaging/share.sh remove
	$(CARGO) uninstall maestro-mcp

## Stripped binaries and archives with SHA256SUMS in dist/, for every target whose toolchain is here.
dist:
	./packaging/dist.sh

## Checks that the binary is smaller than 14 MB.
size:
	$(CARGO) build --release
	test "$$(wc -c < target/release/maestro-mcp)" -lt 14000000

## Lists the functions that a server needs first, for the linker. Needs valgrind.
link-order:
	./packaging/link-order.py

## Builds the commit twice, in two directories, and compares every byte.
dist-check:
	./packaging/reproducible.sh

DEBUG_BINARY = "$$($(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/maestro-mcp"

## docs/errors.md from src/error/reference.yaml, and the tables between marks in README.md and
## docs/ from the tools, the configuration and docs/benchmarks.md.
docs:
	@$(CARGO) build --locked --bins --examples
	@$(DEBUG_BINARY) errors --markdown > docs/errors.md.new
	@mv docs/errors.md.new docs/errors.md
	@WRITE_DOCS=1 $(CARGO) test --locked --quiet --test it -- --exact docs::generated::the_documents_hold_what_the_sources_give

## Runs the demo in a terminal and writes docs/session.txt and docs/session.svg; docs/screens/talk.txt holds conversations,
## jobs, reviews and costs.
record:
	@$(CARGO) build --locked --bins
	@python3 docs/record.py $(DEBUG_BINARY)
	@python3 docs/transcripts.py $(DEBUG_BINARY)

## Measures ratios against a bare server and a bare CLI, prints them and writes docs/benchmarks.md; run `make docs`
## after it. It measures the server as it is installed: for benches, cargo builds another one, with the features of
## their libraries.
bench:
	$(CARGO) build --locked --release --bins --examples
	$(CARGO) bench --locked --bench million_step
	$(CARGO) bench --locked --bench parts
	$(CARGO) build --locked --release --bin maestro-mcp
	cp $(BINARY) target/maestro-mcp-measured
	MAESTRO_MEASURED=$$PWD/target/maestro-mcp-measured $(CARGO) bench --locked --bench whole

## Formatting, lints, licences, sources and unused dependencies. Needs no network once `make tools`
## has run; a missing tool is named, and its check is skipped.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	./tests/lint/deny.sh
	./tests/lint/machete.sh

## The lint tools, once per machine.
tools:
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	@command -v cargo-machete >/dev/null || $(CARGO) install --locked cargo-machete

## The real codex, gemini and claude against a fake model service: every check.
## They are installed once per machine into a cache outside the checkout (about 900 MB).
test-clis: build
	python3 tests/clis/run.py $(TEST_CLIS)

## The official MCP conformance suite, the Inspector's lint and the Python SDK, against the built server.
## They are installed once per machine into a cache outside the checkout; without npm or network it says what it skips.
test-conformance:
	$(CARGO) build --locked --bins --examples
	python3 tests/conformance/run.py $(TEST_CONFORMANCE)

## Maestro in the real Claude Code, with and without a screen, against a fake model; needs no login.
## Claude Code comes from the cache of `make test-clis`; docs/screens/ holds what the human saw.
test-clients:
	$(CARGO) build --bins
	python3 tests/clients/run.py $(TEST_CLIENTS)

## Codex, Gemini CLI and opencode as hosts: the real programs start the server and call a tool, against a fake model.
test-hosts: build
	python3 tests/hosts/run.py $(TEST_HOSTS)

## The local web page of the project that `make demo` works on, in this terminal.
page: build
	@cd "$${XDG_CACHE_HOME:-$$HOME/.cache}/maestro/demo" 2>/dev/null || { echo "there is no project of the demo yet: make demo first"; exit 1; }; \
	"$(CURDIR)/$(BINARY)" page --open

## The page in a real browser (Debian's chromium), driven by Playwright, which is installed once into a cache
## outside the checkout. Without chromium it says so and skips.
test-page: build
	python3 tests/page/run.py $(TEST_PAGE)

## Type-checks the crate for macOS and Windows; says what cannot be checked here.
check-platforms:
	./packaging/check-platforms.sh

## All that a release publishes, into dist/: archives, npm and Python packages, Debian package, SBOM, checksums;
## with REPOSITORY=https://github.com/OWNER/REPO the Homebrew formula and the registry's entry as well.
release: dist
	./packaging/release.py $(if $(REPOSITORY),--repository $(REPOSITORY))

## Everything that must be green before a release, in one table. RELEASE_CHECK="lint test" runs some of it.
release-check:
	./packaging/release-check.sh $(RELEASE_CHECK)
