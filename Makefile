# For contributors (GNU make); see CONTRIBUTING.md. Users install as README says.
#
#   make demo     installs what is missing, builds, and runs a cluster on this machine
#   make test     installs what is missing, builds, and runs every test
#   make bench    measures speed and memory beside other backends, openssl and wormhole-william; see bench/README.md
#   make soak     5,000 futures in one session: memory, files, sockets, threads and handles must stay level
#   make ends     ends processes in each way (error, quit(), signals, end of file) 100 times each
#   make chaos    300 futures while processes are killed at random, 10 times
#   make units    the C units alone, without R, under ASan and UBSan
#                 (ROOMS="base net" UNITS="buf frame" for some of them)
#   make fuzz     fuzzes every parser of untrusted bytes, RUNS=1000000 inputs each (needs clang)
#   make install  installs the package into R's first library
#   make check    R CMD check --as-cran, without the network
#   make check-style  formatting, names and phrases; the rules of the rooms; the web site
#   make docs     man/ and NAMESPACE from the comments in R/ (roxygen2)
#   make clean    removes everything that these targets made

BUILD ?= build
CC ?= cc
ROOMS ?= base crypto net proc protocol keys board ledger wormhole transfer server client worker shell
LIBRARIES = libssh libsodium libuv jansson libcrypto
WARNINGS = -Wall -Wextra -Werror
SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

UNIT_CFLAGS = -g -O1 -Isrc -Itests/c -DP2P_VERSION=\"0\" $(WARNINGS) $(SANITIZE) $(shell pkg-config --cflags $(LIBRARIES))
UNIT_LIBS = $(shell pkg-config --libs $(LIBRARIES)) -lwslay -ldl -lpthread -lm
CORE_SOURCES = $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c))
CORE_OBJECTS = $(CORE_SOURCES:src/%.c=$(BUILD)/core/%.o)
UNITS ?= $(patsubst tests/c/test_%.c,%,$(wildcard tests/c/test_*.c))

.PHONY: demo test ends soak chaos bench units fuzz install check check-style docs clean test-library

demo:
	tools/install-deps demo
	$(MAKE) install
	Rscript tools/run-demo.R

test:
	tools/install-deps test
	tools/run-tests

soak: test-library
	P2P_SOAK=5000 NOT_CRAN=true R_LIBS=$(BUILD)/library Rscript -e 'testthat::test_file("tests/testthat/test-soak.R", \
	  package = "future.p2p", load_package = "installed", reporter = "summary", stop_on_failure = TRUE)'

ends: test-library
	P2P_ENDS=100 NOT_CRAN=true R_LIBS=$(BUILD)/library Rscript -e 'testthat::test_file("tests/testthat/test-ends.R", \
	  package = "future.p2p", load_package = "installed", reporter = "summary", stop_on_failure = TRUE)'

chaos: test-library
	P2P_CHAOS=300 P2P_CHAOS_RUNS=10 NOT_CRAN=true R_LIBS=$(BUILD)/library Rscript -e 'testthat::test_file("tests/testthat/test-chaos.R", \
	  package = "future.p2p", load_package = "installed", reporter = "summary", stop_on_failure = TRUE)'

bench:
	tools/install-deps bench
	$(MAKE) install
	$(MAKE) $(addprefix $(BUILD)/bench/,cipher board delay no_listen.so)
	Rscript bench/run.R $(BUILD)/bench
	Rscript bench/keys.R
	Rscript bench/board.R $(BUILD)/bench/board

# The benchmarks in C, built without sanitizers. These two use nothing of the core.
$(BUILD)/bench/delay: bench/delay.c
	@mkdir -p $(@D)
	$(CC) -O2 $(WARNINGS) $< -o $@ -lpthread

$(BUILD)/bench/no_listen.so: bench/no_listen.c
	@mkdir -p $(@D)
	$(CC) -O2 -shared -fPIC $(WARNINGS) $< -o $@

BENCH_SOURCES = $(foreach room,base crypto net proc protocol keys board wormhole,$(wildcard src/$(room)/*.c))

$(BUILD)/bench/%: bench/%.c $(BENCH_SOURCES)
	@mkdir -p $(@D)
	$(CC) -O2 -Isrc $(WARNINGS) $(shell pkg-config --cflags $(LIBRARIES)) $^ $(UNIT_LIBS) -o $@

units: $(UNITS:%=$(BUILD)/units/%)
	@tools/run-units $^

# libFuzzer harnesses, linked with a core that is instrumented for them.
FUZZ_CFLAGS = -g -O1 -Isrc -Ifuzz $(WARNINGS) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
  $(shell pkg-config --cflags $(LIBRARIES))
FUZZ_SOURCES = $(foreach room,base crypto net proc protocol keys board ledger wormhole transfer,$(wildcard src/$(room)/*.c)) src/shell/arguments.c src/worker/control_line.c
FUZZ = $(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c))

.SECONDARY: $(FUZZ_SOURCES:src/%.c=$(BUILD)/fuzzers/core/%.o)

fuzz: $(FUZZ:%=$(BUILD)/fuzzers/%)
	@tools/run-fuzz $^

$(BUILD)/fuzzers/core/%.o: src/%.c
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

# A library, so that a harness can replace functions of the core.
$(BUILD)/fuzzers/libcore.a: $(FUZZ_SOURCES:src/%.c=$(BUILD)/fuzzers/core/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/fuzzers/%: fuzz/%.c fuzz/fuzz.h $(BUILD)/fuzzers/libcore.a
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $(filter-out %.h,$^) $(UNIT_LIBS) -o $@

# Install from the source package, so that nothing is compiled in the checkout. It has the vignettes, for which R compiles the
# package once more.
install:
	@mkdir -p $(BUILD)/package && rm -f $(BUILD)/package/*.tar.gz
	cd $(BUILD)/package && MAKEFLAGS=-j2 R CMD build $(CURDIR)
	MAKEFLAGS=-j2 R CMD INSTALL $(BUILD)/package/future.p2p_*.tar.gz

# The package for the tests, without vignettes. Compiler warnings are errors.
test-library:
	@mkdir -p $(BUILD)/package $(BUILD)/library && rm -f $(BUILD)/package/*.tar.gz
	cd $(BUILD)/package && R CMD build --no-build-vignettes $(CURDIR)
	P2P_DEVEL=1 MAKEFLAGS=-j2 R CMD INSTALL --library=$(BUILD)/library $(BUILD)/package/future.p2p_*.tar.gz
	@echo "install with -Werror: 1 passed, 0 failed"

check-style:
	tools/check-rooms
	tools/check-style
	tools/check-site

check:
	tools/install-deps test
	tools/run-check $(BUILD)/check

docs: test-library
	tools/install-deps docs
	R_LIBS=$(BUILD)/library Rscript -e 'roxygen2::roxygenise(load_code = "installed")'

$(BUILD)/core/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

# Built from scratch, so that it contains no object of a deleted file.
$(BUILD)/libcore.a: $(CORE_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/units/%: tests/c/test_%.c $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP $< $(BUILD)/libcore.a $(UNIT_LIBS) -o $@

# What stands for NVIDIA's library beside the test of proc/nvml.
$(BUILD)/units/nvml: | $(BUILD)/units/libnvidia-ml.so.1
$(BUILD)/units/libnvidia-ml.so.1: tests/testthat/fake-nvml.c
	@mkdir -p $(@D)
	$(CC) -O1 -shared -fPIC $(WARNINGS) $< -o $@

clean:
	rm -rf build build-* *.Rcheck future.p2p_*.tar.gz
	./cleanup

-include $(CORE_OBJECTS:.o=.d) $(FUZZ_SOURCES:src/%.c=$(BUILD)/fuzzers/core/%.d)
