# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors

VERSION := 0.1.0

CC ?= cc
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build$(if $(SANITIZE),/sanitize)
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
bindir := $(PREFIX)/bin
sbindir := $(PREFIX)/sbin
mandir := $(PREFIX)/share/man
unitdir := $(PREFIX)/lib/systemd/system

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

warnings := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes \
	-Wundef -Wpointer-arith -Wwrite-strings -Wno-format-nonliteral $(if $(WERROR),-Werror)
ifdef SANITIZE
hardening := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
sanitizing := -fsanitize=$(SANITIZE)
else
hardening := -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
packages := libcjson libcurl libsecret-1
cflags := -std=gnu11 -D_GNU_SOURCE -fPIE -I. $(warnings) $(hardening) -MMD -MP \
	-DICR_VERSION='"$(VERSION)"'
includes = $(shell $(PKG_CONFIG) --cflags $(packages) 2>/dev/null)
ldflags := -pie -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack $(sanitizing)
libs := -lcjson -lpthread -ldl

# A make that was not told how many jobs to run uses every processor in its own make.
parallel = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
# -s: not a word when there is nothing to be done; it would hide the commands of V=1.
submake = $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s) $(parallel)

objects = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard $(1)/*.c $(1)/*/*.c)))
library := $(BUILD)/libicr.a
helper := $(BUILD)/docker-credential-icr
rewrite := $(BUILD)/icr-rewrite
units := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test-*.c)))

.PHONY: all
all: $(helper) $(rewrite)

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(includes) $(CFLAGS) -c -o $@ $<

$(library): $(call objects,icr)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(helper): $(call objects,helper) $(library)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^ $(libs)

$(rewrite): $(call objects,rewrite) $(library)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^ $(libs)

# A suite may include what it tests from helper/ and rewrite/ (all but main) as well as the library.
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(filter-out %/main.o,$(call objects,helper) $(call objects,rewrite)) $(library)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^ $(libs) -lcunit -ljson-c

$(BUILD)/fault/%: $(BUILD)/tests/fault/%.o $(library)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^ $(libs)

# Objects of the suites are the ends of a chain of rules; without this make would remove them.
.SECONDARY:

.PHONY: units
units: $(units) $(BUILD)/fault/transaction

# The flags of libraries are found when make starts, so what comes after deps runs in a make of its
# own.
KINDS ?= unit,blackbox,fault,lab,boot
.PHONY: check
check:
	$(Q)sh packaging/deps.sh check
	$(Q)+$(submake) all units
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/run.py --kinds $(KINDS) $(TESTS)

.PHONY: valgrind
valgrind: all units
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/run.py --kinds unit --valgrind $(TESTS)

.PHONY: demo
demo:
	$(Q)sh packaging/deps.sh check
	$(Q)+$(submake) all
	$(Q)ICR_BUILD='$(BUILD)' tests/lab/enter /usr/bin/env python3 tests/lab/demo.py

.PHONY: bench
bench:
	$(Q)sh packaging/deps.sh check
	$(Q)+$(submake) all $(BUILD)/bench
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/bench/run.py

$(BUILD)/bench: $(BUILD)/tests/bench/bench.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^

.PHONY: deps
deps:
	$(Q)sh packaging/deps.sh build

.PHONY: lint
lint:
	$(Q)sh packaging/deps.sh check
	$(Q)CLANG_FORMAT='$(CLANG_FORMAT)' CC='$(CC)' sh tests/lint.sh

.PHONY: format
format:
	$(Q)$(CLANG_FORMAT) -i $$(git ls-files '*.c' '*.h')

# PREFIX may differ from one install to the next, so the units are made anew each time.
.PHONY: FORCE
FORCE:
$(BUILD)/%: packaging/systemd/%.in FORCE
	@mkdir -p $(@D)
	$(Q)sed 's|@SBINDIR@|$(sbindir)|g' $< >$@

units_installed := icr-rewrite.service icr-rewrite.timer

.PHONY: install
install: all $(addprefix $(BUILD)/,$(units_installed))
	$(Q)install -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(unitdir) \
		$(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man8
	$(Q)install -m 0755 $(helper) $(DESTDIR)$(bindir)/docker-credential-icr
	$(Q)install -m 0755 $(rewrite) $(DESTDIR)$(sbindir)/icr-rewrite
	$(Q)install -m 0644 packaging/man/docker-credential-icr.1 $(DESTDIR)$(mandir)/man1/
	$(Q)install -m 0644 packaging/man/icr-rewrite.8 $(DESTDIR)$(mandir)/man8/
	$(Q)install -m 0644 $(addprefix $(BUILD)/,$(units_installed)) $(DESTDIR)$(unitdir)/

.PHONY: uninstall
uninstall:
	$(Q)rm -f $(DESTDIR)$(bindir)/docker-credential-icr $(DESTDIR)$(sbindir)/icr-rewrite \
		$(DESTDIR)$(mandir)/man1/docker-credential-icr.1 $(DESTDIR)$(mandir)/man8/icr-rewrite.8 \
		$(addprefix $(DESTDIR)$(unitdir)/,$(units_installed))

.PHONY: clean
clean:
	$(Q)rm -rf build

-include $(shell find $(BUILD) -path $(BUILD)/boot -prune -o -type f -name '*.d' -print 2>/dev/null)
