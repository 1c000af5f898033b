# ipcat: GNU make, one file; it calls itself only to change MODE.
# `make help` lists the targets and the variables.

RELEASE  := 0.1.0
SOMAJOR  := 0
MODE     ?= release# release debug asan tsan cov fuzz
BUILD    ?= build
PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
LIBDIR   ?= $(PREFIX)/lib
INCDIR   ?= $(PREFIX)/include/ipcat
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
JOBS     ?= 2
FUZZ_SECONDS ?= 20
SOAK_SECONDS ?= 3600
SOAK_DOCS ?= 100000
CLANG    ?= clang
PKGS     := libevent_core expat
VERBS    := send listen relay

# --- derived ----------------------------------------------------------------

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
ifeq ($(filter $(MODE),release debug asan tsan cov fuzz),)
$(error MODE=$(MODE): use release, debug, asan, tsan, cov or fuzz)
endif
ifeq ($(MODE),fuzz)
override CC := $(CLANG)
else ifeq ($(origin CC),default)
CC := gcc
endif

# A tarball has no .git; a checkout says which commit it is.
COMMIT   := $(shell test -e .git && git describe --always --dirty \
              --tags --match 'v$(RELEASE)' 2>/dev/null)
VERSION  := $(or $(patsubst v%,%,$(filter v%,$(COMMIT))), \
              $(addprefix $(RELEASE)-g,$(COMMIT)),$(RELEASE))
VERSION  := $(strip $(VERSION))

O        := $(BUILD)/$(MODE)
R        := $(if $(filter release,$(MODE)),$(BUILD),$O)
SO       := $R/libipcat.so
ABSBUILD := $(abspath $(BUILD))
IPCAT    ?= $(abspath $R/ipcat)

# pkg-config may be installed by this very run (make check on a fresh machine),
# so it is asked when a recipe first needs it, and then once.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(call pkg,--cflags))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(call pkg,--libs))$(PKG_LIBS)
pkg        = $(shell pkg-config $(1) $(PKGS) $(ZSTD) 2>/dev/null)
# Optional: zstd.
ZSTD       = $(eval ZSTD := $(shell pkg-config --exists libzstd 2>/dev/null \
               && echo libzstd))$(ZSTD)

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef \
            -Wvla -Wwrite-strings -Wcast-qual -Wnull-dereference \
            -Wimplicit-fallthrough
HARDEN   := -fstack-protector-strong -fstack-clash-protection
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDEN   += -fcf-protection=full
endif
ifeq ($(findstring clang,$(CC)),)
HARDEN   += -ftrivial-auto-var-init=zero
endif
FORTIFY  := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
# -z now resolves every symbol at start; BIND= turns it off.
BIND     ?= -Wl,-z,now
SAN      := -fno-omit-frame-pointer -fno-sanitize-recover=all

OPT_release := -O2 -g -ffile-prefix-map=$(CURDIR)=. $(HARDEN) $(FORTIFY)
OPT_debug   := -O0 -g3 $(HARDEN)
OPT_asan    := -O1 -g $(SAN) -fsanitize=address,undefined
OPT_tsan    := -O1 -g $(SAN) -fsanitize=thread
OPT_cov     := -O0 -g --coverage -fprofile-update=atomic
OPT_fuzz    := -O1 -g $(SAN) -fsanitize=address,undefined,fuzzer-no-link

# What the user gives in CPPFLAGS, CFLAGS, LDFLAGS comes last and so wins.
# The library is compiled once, position independent, for both archives:
# without interposition that costs the static one nothing.
ALL_CPPFLAGS = -D_GNU_SOURCE -Ilib $(if $(ZSTD),-DHAVE_ZSTD) $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu17 $(WARN) $(if $(filter 1,$(WERROR)),-Werror) \
               $(OPT_$(MODE)) -ffunction-sections -fdata-sections -pthread \
               $(CFLAGS)
PIC      := -fPIC -fno-semantic-interposition
PIE      := -fPIE
ALL_LDFLAGS = $(filter -fsanitize% --coverage,$(OPT_$(MODE))) -pthread \
            -Wl,-z,relro,-z,noexecstack $(BIND) -Wl,--as-needed \
            -Wl,--gc-sections -Wl,-O1 $(LDFLAGS)
ALL_LDLIBS = $(PKG_LIBS) $(LDLIBS)

LIB_SRC  := $(sort $(wildcard lib/*/*.c))
CMD_SRC  := $(sort $(wildcard cmd/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_AUX := $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.c)))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_AUX := $(filter-out $(FUZZ_SRC) tests/fuzz/replay.c, \
              $(sort $(wildcard tests/fuzz/*.c)))

LIB_OBJ  := $(LIB_SRC:%.c=$O/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$O/%.o)
UNIT     := $(UNIT_SRC:%.c=$O/%)
FUZZ     := $(FUZZ_SRC:%.c=$O/%)
FAULT_SO := $(BUILD)/fault.so

say = @$(if $(V),:,printf '  %-5s %s\n' $(1) '$(@:$(CURDIR)/%=%)')
Q   := $(if $(V),,@)
RUN  = BUILD='$(ABSBUILD)' MODE='$(MODE)' IPCAT='$(IPCAT)' \
       FAULT_SO='$(abspath $(FAULT_SO))' CC='$(CC)' WARN='$(WARN)' \
       tests/run -j $(JOBS)

# --- build ------------------------------------------------------------------

all: $R/ipcat $R/libipcat.a $(SO) ## the binary, the static and the shared library (default)

$R/ipcat: $(CMD_OBJ) $R/libipcat.a
	$(call say,LINK)
	$Q$(CC) $(PIE) -pie $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$R/libipcat.a: $(LIB_OBJ)
	$(call say,AR)
	$Qrm -f $@ && $(AR) rcsD $@ $^

$(SO): $(LIB_OBJ)
	$(call say,LINK)
	$Q$(CC) -shared -Wl,-soname,libipcat.so.$(SOMAJOR) $(ALL_CFLAGS) \
	    $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)
	$Qln -sf $(@F) $@.$(SOMAJOR)

$O/lib/%.o: lib/%.c $O/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(PIC) -MMD -MP -c -o $@ $<

$O/cmd/%.o: cmd/%.c $O/flags $O/version
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) $(ALL_CPPFLAGS) -DIPCAT_VERSION='"$(VERSION)"' $(ALL_CFLAGS) \
	    $(PIE) -MMD -MP -c -o $@ $<

$O/tests/%.o: tests/%.c $O/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) -I. $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(PIE) -MMD -MP -c -o $@ $<

$O/tests/unit/%: $O/tests/unit/%.o $(UNIT_AUX:%.c=$O/%.o) $R/libipcat.a
	$(call say,LINK)
	$Q$(CC) $(PIE) -pie $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# Under MODE=fuzz libFuzzer drives a target, otherwise replay.c does.
FUZZ_MAIN := $(if $(filter fuzz,$(MODE)),,$O/tests/fuzz/replay.o)
$O/tests/fuzz/fuzz_%: $O/tests/fuzz/fuzz_%.o $(FUZZ_AUX:%.c=$O/%.o) \
    $(FUZZ_MAIN) $R/libipcat.a
	$(call say,LINK)
	$Q$(CC) $(PIE) -pie $(ALL_CFLAGS) $(ALL_LDFLAGS) \
	    $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) \
	    -o $@ $^ $(ALL_LDLIBS)
$O/tests/fuzz/fuzz_argv: $(VERBS:%=$O/cmd/%.o)

# The shim replaces the functions that fortification would redirect.
$(FAULT_SO): $(wildcard tests/fault/*.[ch]) $O/flags
	$(call say,CC)
	$Q$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) \
	    $(if $(filter 1,$(WERROR)),-Werror) -O2 -g -U_FORTIFY_SOURCE \
	    -fPIC -shared -o $@ $(filter %.c,$^) -pthread

# Rebuild when the flags change; say what is missing before gcc does.
$O/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(ALL_LDLIBS)' >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; \
	else .ci/deps --probe build && mv $@.new $@; fi

$O/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

FORCE:

# --- what must be installed ---------------------------------------------------

# `make check DEPS=no` and `make demo DEPS=no` take the machine as it is.
ifneq ($(DEPS),no)
NEED_BUILD := deps
NEED_TEST  := deps-test
endif
ifneq ($(filter check demo,$(MAKECMDGOALS)),)
$O/flags: | $(NEED_BUILD)
endif

deps: ## install what the build needs (apt-get, only what is missing)
	@CC='$(CC)' .ci/deps build

deps-test: | $(NEED_BUILD) ## install what `make check` and `make lint` need
	@.ci/deps test

deps-bench: | $(NEED_BUILD) ## install the peers `make bench` compares with
	@.ci/deps bench

# --- tests ------------------------------------------------------------------

demo: all | $(NEED_BUILD) ## build, then the real job before your eyes
	@IPCAT='$(IPCAT)' BUILD='$(ABSBUILD)' tests/demo

check: all $(UNIT) $(FUZZ) $(FAULT_SO) | $(NEED_BUILD) $(NEED_TEST) ## every test; the last line is the sum
	@$(RUN) unit fuzz cli fault interop

check-unit: $(UNIT) ## C unit tests
	@$(RUN) unit

check-cli: $R/ipcat $(FAULT_SO) ## the command line (CLI=send,relay for some files)
	@$(RUN) cli

check-fault: $R/ipcat $(FAULT_SO) ## the command line with failing system calls
	@$(RUN) fault

check-fuzz: $(FUZZ) ## replay the fuzz corpus
	@$(RUN) fuzz

check-interop: $R/ipcat ## other implementations as peers
	@$(RUN) interop

lint: all $(FAULT_SO) ## the rules of the code base, and static analysis
	@$(RUN) lint

sanitize: ## unit, corpus and CLI under ASan+UBSan, then TSan
	@+rc=0; for mode in asan tsan; do \
	    $(MAKE) MODE=$$mode IPCAT='$(ABSBUILD)'/$$mode/ipcat check-mode || \
	        rc=1; done; exit $$rc

check-mode: $R/ipcat $(UNIT) $(FUZZ)
	@$(RUN) unit fuzz cli

coverage: ## line coverage of unit tests, corpus and CLI
	@test ! -d $(BUILD)/cov || find $(BUILD)/cov -name '*.gcda' -delete
	@+$(MAKE) MODE=cov IPCAT='$(ABSBUILD)/cov/ipcat' check-mode || true
	@tests/coverage '$(BUILD)/cov'

fuzz: ## libFuzzer on every target, FUZZ_SECONDS each (clang)
	@+$(MAKE) MODE=fuzz fuzz-mode

fuzz-mode: $(FUZZ)
	@rc=0; for t in $(FUZZ); do n=$${t##*/fuzz_}; \
	    mkdir -p $O/corpus/$$n $O/crash; \
	    echo "== $$n"; $$t -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -rss_limit_mb=1024 -timeout=10 -artifact_prefix=$O/crash/$$n- \
	        $$(test ! -f tests/fuzz/$$n.dict || echo -dict=tests/fuzz/$$n.dict) \
	        $O/corpus/$$n $$(ls -d tests/fuzz/corpus/$$n 2>/dev/null) \
	        2>&1 | tee $O/$$n.log | grep -E 'ERROR|SUMMARY|stat::|Test unit' ; \
	    grep -q '^Done' $O/$$n.log && ! grep -q '^SUMMARY' $O/$$n.log || \
	        rc=1; done; exit $$rc

bench: all ## ratios against the other tools, interleaved (BENCHFLAGS)
	@CC='$(CC)' tests/bench/run --ipcat '$(IPCAT)' $(BENCHFLAGS)

soak: all $(UNIT) $(FAULT_SO) ## SOAK_DOCS conversions, then CLI, fault, interop for SOAK_SECONDS
	@CC='$(CC)' tests/interop/codec-diff.py --ipcat '$(IPCAT)' --count $(SOAK_DOCS)
	@$(RUN) -r $(SOAK_SECONDS) cli fault interop

tidy: ## clang-tidy over cmd and lib (slow, by hand)
	@clang-tidy --quiet $(CMD_SRC) $(LIB_SRC) -- -std=gnu17 -D_GNU_SOURCE \
	    -Ilib -DIPCAT_VERSION='"$(VERSION)"' $(PKG_CFLAGS)

# --- install ------------------------------------------------------------------

HEADERS := $(sort $(wildcard lib/*/*.h))
MAN1    := $(sort $(wildcard man/*.1))
MAN7    := $(sort $(wildcard man/*.7))
PUT     := install -Dm644
# completion file, where it goes
COMPLETIONS := \
    completions/ipcat.bash:bash-completion/completions/ipcat \
    completions/_ipcat:zsh/site-functions/_ipcat \
    completions/ipcat.fish:fish/vendor_completions.d/ipcat.fish
COMPLETIONS := $(foreach c,$(COMPLETIONS), \
    $(if $(wildcard $(firstword $(subst :, ,$c))),$c))

define PC
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(INCDIR)

Name: ipcat
Description: joins processes: streams and messages over many transports
Version: $(RELEASE)
Libs: -L$${libdir} -lipcat
Requires.private: $(PKGS)
Libs.private: -pthread
Cflags: -I$${includedir}
endef
export PC

install: all ## binary, links, libraries, man pages, completions (DESTDIR PREFIX)
	install -Dm755 $R/ipcat $(DESTDIR)$(BINDIR)/ipcat
	for v in $(VERBS); do ln -sf ipcat $(DESTDIR)$(BINDIR)/ipcat-$$v; done
	$(PUT) $R/libipcat.a $(DESTDIR)$(LIBDIR)/libipcat.a
	install -Dm755 $(SO) $(DESTDIR)$(LIBDIR)/libipcat.so.$(RELEASE)
	ln -sf libipcat.so.$(RELEASE) $(DESTDIR)$(LIBDIR)/libipcat.so.$(SOMAJOR)
	ln -sf libipcat.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)/libipcat.so
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	printf '%s\n' "$$PC" >$(DESTDIR)$(LIBDIR)/pkgconfig/ipcat.pc
	for h in $(HEADERS:lib/%=%); do \
	    $(PUT) lib/$$h $(DESTDIR)$(INCDIR)/$$h || exit 1; done
	for m in $(MAN1); do $(PUT) $$m -t $(DESTDIR)$(MANDIR)/man1 || exit 1; done
	for m in $(MAN7); do $(PUT) $$m -t $(DESTDIR)$(MANDIR)/man7 || exit 1; done
	for c in $(COMPLETIONS); do \
	    $(PUT) $${c%%:*} $(DESTDIR)$(DATADIR)/$${c#*:} || exit 1; done

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/ipcat $(VERBS:%=$(DESTDIR)$(BINDIR)/ipcat-%)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libipcat.a libipcat.so \
	    libipcat.so.$(SOMAJOR) libipcat.so.$(RELEASE) pkgconfig/ipcat.pc)
	rm -f $(HEADERS:lib/%=$(DESTDIR)$(INCDIR)/%)
	-rmdir $(sort $(dir $(HEADERS:lib/%=$(DESTDIR)$(INCDIR)/%))) $(DESTDIR)$(INCDIR) 2>/dev/null
	rm -f $(MAN1:man/%=$(DESTDIR)$(MANDIR)/man1/%) \
	    $(MAN7:man/%=$(DESTDIR)$(MANDIR)/man7/%)
	for c in $(COMPLETIONS); do rm -f $(DESTDIR)$(DATADIR)/$${c#*:}; done

dist: ## build/ipcat-RELEASE.tar.gz from the last commit, reproducible
	@mkdir -p $(BUILD)
	git archive --format=tar --prefix=ipcat-$(RELEASE)/ HEAD | \
	    gzip -9n >$(BUILD)/ipcat-$(RELEASE).tar.gz
	@cd $(BUILD) && sha256sum ipcat-$(RELEASE).tar.gz

clean: ## remove the build folder
	rm -rf $(BUILD)

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18
	@echo
	@echo 'Variables: MODE=release|debug|asan|tsan|cov  WERROR=1  V=1  JOBS=N'
	@echo '  PREFIX DESTDIR BINDIR LIBDIR INCDIR DATADIR MANDIR  CC CFLAGS LDFLAGS'
	@echo '  DEPS=no  CLI=NAME,NAME  BENCHFLAGS  FUZZ_SECONDS=N  SOAK_SECONDS=N  BUILD=DIR'

.PHONY: all bench check check-cli check-fault check-fuzz check-interop \
    check-mode check-unit clean coverage demo deps deps-bench \
    deps-test dist fuzz fuzz-mode help install lint sanitize soak tidy \
    uninstall FORCE

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) \
    $(UNIT_AUX:%.c=$O/%.d) $(FUZZ_AUX:%.c=$O/%.d) $O/tests/fuzz/replay.d
