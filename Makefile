.PHONY: link-order size test-hosts check-platforms release release-check demo test soak fuzz check mcp-config install uninstall dist dist-check docs record bench lint test-clis test-clients test-conformance test-page page build tools

BINARY := target/release/maestro-mcp
CARGO ?= cargo

## Shows a whole run on a failing program, without a model.
demo: build
	$(BINARY) demo

## Runs every test. Needs Rust, python3 and git, and installs nothing. Many tests wait for processes, so the number of
## threads is the number of processors plus one.
test:
	@command -v python3 >/dev/null || { echo "make test needs python3 for the failing program of the demo"; exit 1; }
	$(CARGO) build --locked --bins --examples
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(getconf _NPROCESSORS_ONLN) + 1))} $(CARGO) test --locked

## Runs the long tests: 2,000 random patches against git apply, 200 kills in the middle of runs, and for
## SOAK_SECONDS 8 servers on one project with 64 CLIs that misbehave. Prints the counts.
soak:
	$(CARGO) build --locked --bins --examples
	MAESTRO_SOAK_EDITS=2000 $(CARGO) test --locked --test it -- change::random
	MAESTRO_SOAK_KILLS=200 $(CARGO) test --locked --test it -- workflow::crash
	MAESTRO_SOAK_SECONDS=$${SOAK_SECONDS:-600} $(CARGO) test --locked --test it -- --nocapture load::

## Applies arbitrary bytes as patches, for FUZZ_SECONDS. Nothing may panic, and nothing outside the project may change.
fuzz:
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} ./fuzz/run.sh

build:
	$(CARGO) build --locked --release

## Shows what is installed, logged in and registered, and the next step for each problem.
check: build
	$(BINARY) check

## Prints the entry of Claude Code, to add it by hand.
mcp-config: build
	@$(BINARY) mcp-config

INSTALLED := "$${CARGO_INSTALL_ROOT:-$${CARGO_HOME:-$$HOME/.cargo}}/bin/maestro-mcp"

## Installs the binary into cargo's directory of binaries, and the completions and the manual page into the
## directories of the shells and of man. Registers Maestro with Claude Code.
install:
	$(CARGO) install --locked --path .
	./packaging/share.sh install $(INSTALLED)
	$(INSTALLED) install

## Removes everything that `make install` installed.
uninstall:
	$(INSTALLED) uninstall
	./packaging/share.sh remove
	$(CARGO) uninstall maestro-mcp

## Builds stripped binaries and archives with SHA256SUMS in dist/, for every target whose toolchain is installed.
dist:
	./packaging/dist.sh

## Checks that the binary is smaller than 14 MB.
size:
	$(CARGO) build --release
	test "$$(wc -c < target/release/maestro-mcp)" -lt 14000000

## Writes the list of the functions that a starting server needs, for the linker. Needs valgrind.
link-order:
	./packaging/link-order.py

## Builds the commit twice, in two directories, and compares every byte.
dist-check:
	./packaging/reproducible.sh

DEBUG_BINARY = "$$($(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/maestro-mcp"

## Writes docs/errors.md from src/error/reference.yaml, and the tables between marks in README.md and docs/ from
## the tools, the configuration and docs/benchmarks.md.
docs:
	@$(CARGO) build --locked --bins --examples
	@$(DEBUG_BINARY) errors --markdown > docs/errors.md.new
	@mv docs/errors.md.new docs/errors.md
	@WRITE_DOCS=1 $(CARGO) test --locked --quiet --test it -- --exact docs::generated::the_documents_hold_what_the_sources_give

## Runs the demo in a terminal and writes docs/session.txt and docs/session.svg. Also writes docs/screens/talk.txt:
## conversations, jobs, reviews and costs.
record:
	@$(CARGO) build --locked --bins
	@python3 docs/record.py $(DEBUG_BINARY)
	@python3 docs/transcripts.py $(DEBUG_BINARY)

## Measures ratios against a bare server and a bare CLI, prints them and writes docs/benchmarks.md. Run `make docs`
## after it. It measures the server as installed, because cargo builds another server for benches, with the features
## that the benches' libraries need.
bench:
	$(CARGO) build --locked --release --bins --examples
	$(CARGO) bench --locked --bench million_step
	$(CARGO) bench --locked --bench parts
	$(CARGO) build --locked --release --bin maestro-mcp
	cp $(BINARY) target/maestro-mcp-measured
	MAESTRO_MEASURED=$$PWD/target/maestro-mcp-measured $(CARGO) bench --locked --bench whole

## Checks formatting, lints, licences, sources and unused dependencies. Needs no network after `make tools`. A
## missing tool is named, and its check is skipped.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	./tests/lint/deny.sh
	./tests/lint/machete.sh

## Installs the lint tools, once per machine.
tools:
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	@command -v cargo-machete >/dev/null || $(CARGO) install --locked cargo-machete

## Tests the real codex, gemini and claude against a fake model service, with every check.
## Installs them once per machine into a cache outside the checkout (about 900 MB).
test-clis: build
	python3 tests/clis/run.py $(TEST_CLIS)

## Runs the official MCP conformance suite, the Inspector's lint and the Python SDK against the built server.
## Installs them once per machine into a cache outside the checkout; without npm or network it names what it skips.
test-conformance:
	$(CARGO) build --locked --bins --examples
	python3 tests/conformance/run.py $(TEST_CONFORMANCE)

## Tests Maestro in the real Claude Code, with and without a screen, against a fake model; needs no login.
## Claude Code comes from the cache of `make test-clis`. docs/screens/ keeps the screens that a person would see.
test-clients:
	$(CARGO) build --bins
	python3 tests/clients/run.py $(TEST_CLIENTS)

## Tests Codex, Gemini CLI and opencode as hosts: the real programs start the server and call a tool, against a fake
## model.
test-hosts: build
	python3 tests/hosts/run.py $(TEST_HOSTS)

## Serves the local web page of the demo's project, in this terminal.
page: build
	@cd "$${XDG_CACHE_HOME:-$$HOME/.cache}/maestro/demo" 2>/dev/null || { echo "there is no project of the demo yet: make demo first"; exit 1; }; \
	"$(CURDIR)/$(BINARY)" page --open

## Tests the page in a real browser (Debian's chromium). Playwright drives it, and is installed once into a cache
## outside the checkout. Without chromium the target says so and skips the tests.
test-page: build
	python3 tests/page/run.py $(TEST_PAGE)

## Type-checks the crate for macOS and Windows; names the targets that cannot be checked here.
check-platforms:
	./packaging/check-platforms.sh

## Builds everything that a release publishes into dist/: archives, npm and Python packages, Debian package, SBOM,
## checksums; with REPOSITORY=https://github.com/OWNER/REPO also the Homebrew formula and the registry's entry.
release: dist
	./packaging/release.py $(if $(REPOSITORY),--repository $(REPOSITORY))

## Runs everything that must pass before a release, and prints one table. RELEASE_CHECK="lint test" runs some of it.
release-check:
	./packaging/release-check.sh $(RELEASE_CHECK)
