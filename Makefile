# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors

CC ?= cc
CPPFLAGS ?=
CFLAGS ?= -O2 -g
LDFLAGS ?=
STRIP ?= strip
PREFIX ?= /usr/local
DESTDIR ?=
# Not beside the libexec of the plain build, where what clients call would find the other program.
BUILD ?= build$(if $(SANITIZE),/sanitize/build)
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format

# A word for the shell, and a path as the word of a unit's ExecStart=, in the text that sed puts in.
quote = '$(subst ','\'',$(1))'
empty :=
blank := $(empty) $(empty)
unit_word = $(subst $(blank),\\x20,$(subst |,\|,$(subst &,\&,$(subst %,%%,$(1)))))

# make knows no file names with blanks: inside the tree the build folder is named from here, and
# elsewhere a make of its own finds it behind a link.
override BUILD := $(patsubst $(blank)%,%,$(subst $(blank)$(CURDIR)/,$(blank),$(blank)$(BUILD)))
ifneq ($(words $(BUILD)),1)
.PHONY: all $(MAKECMDGOALS) in-build-with-blanks
$(sort all $(MAKECMDGOALS)): in-build-with-blanks
	@:
in-build-with-blanks:
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && mkdir -p $(call quote,$(BUILD)) && \
		ln -s "$$(realpath $(call quote,$(BUILD)))" "$$folder/build" && \
		$(MAKE) --no-print-directory BUILD="$$folder/build" $(MAKECMDGOALS)
else

# The version stands in one file. A build from a checkout that is no release says of which commit.
release := $(shell cat VERSION)
commit = $(shell test -e .git && { git describe --exact-match --tags HEAD || \
	git rev-parse --short=12 HEAD | sed 's/^/+g/'; } 2>/dev/null)
version := $(release)$(filter +g%,$(commit))

bindir := $(PREFIX)/bin
sbindir := $(PREFIX)/sbin
mandir := $(PREFIX)/share/man
# systemd reads this below /usr and /usr/local only; a package may have to say another.
UNITDIR ?= $(PREFIX)/lib/systemd/system

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
hardening := -fstack-protector-strong -fstack-clash-protection \
	$(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
packages := libcjson libcurl libsecret-1
# Neither the folder of the sources nor that of the build is told in what is built.
cflags := -std=gnu11 -D_GNU_SOURCE -ffunction-sections -fdata-sections -fPIE -I. $(warnings) $(hardening) \
	-ffile-prefix-map=$(call quote,$(CURDIR))=.
includes = $(eval includes := $$(shell $(PKG_CONFIG) --cflags $(packages) 2>/dev/null))$(includes)
ldflags := -fPIE -pie -Wl,--gc-sections,--as-needed,-z,relro,-z,now,-z,noexecstack $(sanitizing)
# What clients and people call is linked statically (it starts in three quarters of the time) where
# the toolchain can; STATIC=1 insists, STATIC=0 does not try. A compiler may ignore -static-pie, and
# glibc's archive warns of what would load plugins of another version.
static_flags := -static-pie -Wl,--fatal-warnings
can_static = $(shell folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	echo 'int main(void) { return 0; }' | $(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) $(static_flags) \
	-o "$$folder/trial" -x c - 2>/dev/null && readelf -lW "$$folder/trial" >"$$folder/headers" && \
	! grep -q INTERP "$$folder/headers" && echo 1)
static = $(eval static := $$(if $$(SANITIZE),,$$(if $$(filter 1,$$(or $$(STATIC),$$(can_static))),$$(static_flags))))$(static)
libs := -lcjson -lpthread -ldl -lresolv

# A make that was not told how many jobs to run uses every processor in its own make.
parallel = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
# -s: not a word when there is nothing to be done; it would hide the commands of V=1.
submake = $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s) $(parallel)

objects = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard $(1)/*.c $(1)/*/*.c)))
library := $(BUILD)/libicr.a
# What is called, and what it runs for all that need not be quick: the complete program.
helper := $(BUILD)/docker-credential-icr
helper_below := libexec/docker-credential-icr/docker-credential-icr
helper_complete := $(BUILD)/$(helper_below)
helper_library := $(BUILD)/libhelper.a
rewrite := $(BUILD)/icr-rewrite
rewrite_below := libexec/icr-rewrite/icr-rewrite
rewrite_complete := $(BUILD)/$(rewrite_below)
rewrite_library := $(BUILD)/librewrite.a
units := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test-*.c)))

.PHONY: all
all: $(helper) $(helper_complete) $(rewrite) $(rewrite_complete)

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(includes) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MT '$$(BUILD)/$*.o' -c -o $@ $<

# Only these are made anew when the version changes.
versioned := $(patsubst %.c,$(BUILD)/%.o,$(shell grep -lw ICR_VERSION icr/*.c icr/*/*.c helper/*.c \
	helper/*/*.c rewrite/*.c rewrite/*/*.c 2>/dev/null))
$(versioned): cflags += -DICR_VERSION='"$(version)"'
$(versioned): $(BUILD)/version
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(version)' | cmp -s - $@ || echo '$(version)' >$@

$(library): $(call objects,icr)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

front_objects := $(call objects,helper/front) $(call objects,rewrite/front)
$(helper_library): $(filter-out %/main.o $(front_objects),$(call objects,helper))
$(rewrite_library): $(filter-out %/main.o $(front_objects),$(call objects,rewrite))
$(helper_library) $(rewrite_library):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# They have of the archives what they call, and no library but libc. Code and constants lie in one
# mapping: each of its own takes time at every start. What is static goes last: -pie undoes it.
$(helper): $(call objects,helper/front) $(helper_library) $(library)
$(rewrite): $(call objects,rewrite/front) $(BUILD)/rewrite/main.o $(rewrite_library) $(library)
$(helper) $(rewrite):
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ldflags) -Wl,-z,noseparate-code $(LDFLAGS) $(static) -o $@ $^ -lresolv

$(helper_complete): $(BUILD)/helper/main.o $(helper_library) $(library)
$(rewrite_complete): $(BUILD)/rewrite/main.o $(rewrite_library) $(library)
$(helper_complete) $(rewrite_complete):
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $^ $(libs)

# A suite may include what it tests from helper/ and rewrite/ (all but main) as well as the library.
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(filter-out %/main.o $(front_objects),$(call objects,helper) $(call objects,rewrite)) $(library)
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
KINDS ?= unit,blackbox,fault,packaging,lab,boot
.PHONY: check
check:
	$(Q)sh packaging/deps.sh check
	$(Q)+$(submake) all units
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/run.py --kinds $(KINDS) $(TESTS)

# The README's table of engines, measured. Not of `check`: it takes minutes, and builds engines once.
.PHONY: check-engines
check-engines:
	$(Q)sh packaging/deps.sh check
	$(Q)+$(submake) all
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/engines/check.py $(ROWS)

.PHONY: valgrind
valgrind: all units
	$(Q)ICR_BUILD='$(BUILD)' /usr/bin/env python3 tests/run.py --kinds unit --valgrind $(TESTS)

.PHONY: demo
demo:
	$(Q)sh packaging/deps.sh demo
	$(Q)+$(submake) all
	$(Q)ICR_BUILD='$(BUILD)' tests/lab/enter /usr/bin/env python3 tests/lab/demo.py

# A fuzzer may include the .c file that it tests; then the linker leaves that object out of the
# archive of all others.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
fuzzers := $(patsubst tests/fuzz/fuzz-%.c,%,$(sort $(wildcard tests/fuzz/fuzz-*.c)))
fuzz_flags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzz_objects = $(patsubst $(BUILD)/%,$(BUILD)/fuzz/%,$(filter-out %/main.o $(front_objects),$(foreach folder,icr helper rewrite,$(call objects,$(folder)))))

$(BUILD)/fuzz/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(filter-out $(hardening),$(cflags)) $(includes) -DICR_VERSION='"$(release)"' $(fuzz_flags) \
		-fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/all.a: $(fuzz_objects)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/fuzz/%: tests/fuzz/fuzz-%.c tests/fuzz/fuzz.h $(BUILD)/fuzz/all.a
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(filter-out $(hardening),$(cflags)) $(includes) -DICR_VERSION='"$(release)"' $(fuzz_flags) \
		-fsanitize=fuzzer -o $@ $< $(BUILD)/fuzz/all.a $(libs) -lcurl -ljson-c

.PHONY: fuzz
fuzz: $(addprefix $(BUILD)/fuzz/,$(fuzzers))

.PHONY: fuzz-smoke
fuzz-smoke:
	$(Q)+$(submake) fuzz
	$(Q)sh tests/fuzz/smoke.sh '$(BUILD)/fuzz' $(FUZZ_SECONDS) $(fuzzers)

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
units_made := $(patsubst packaging/systemd/%.in,$(BUILD)/%,$(sort $(wildcard packaging/systemd/*.in)))
$(units_made): $(BUILD)/%: packaging/systemd/%.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e $(call quote,s|@BINDIR@|$(call unit_word,$(bindir))|g) \
		-e $(call quote,s|@SBINDIR@|$(call unit_word,$(sbindir))|g) $< >$@

# What goes where, by the names: manual pages, completions and units, as far as they are there.
pages := $(sort $(wildcard packaging/man/*.[1-9]))
completions := $(sort $(wildcard packaging/completions/*))
texts := $(pages) $(completions) $(units_made)
of_rewrite = $(foreach file,$(1),$(if $(findstring icr-rewrite,$(notdir $(file))),$(file)))
of_helper = $(filter-out $(call of_rewrite,$(1)),$(1))
folder_of = $(or $(if $(filter $(units_made),$(1)),$(UNITDIR)),\
	$(if $(filter %.bash,$(1)),$(PREFIX)/share/bash-completion/completions),\
	$(if $(filter %.fish,$(1)),$(PREFIX)/share/fish/vendor_completions.d),\
	$(if $(filter $(completions),$(1)),$(PREFIX)/share/zsh/site-functions),\
	$(mandir)/man$(subst .,,$(suffix $(1))))
installed = $(call quote,$(DESTDIR)$(1))
installed_text = $(call installed,$(call folder_of,$(1))/$(patsubst %.bash,%,$(notdir $(1))))
install_program = install -D $(if $(STRIP),-s --strip-program=$(call quote,$(STRIP))) -m 0755
install_texts = $(foreach text,$(1),install -D -m 0644 $(text) $(call installed_text,$(text)) &&) :

.PHONY: install install-helper install-rewrite
install: install-helper install-rewrite
ifeq ($(DESTDIR)$(filter /usr/lib/% /usr/local/lib/% /lib/% /etc/systemd/system,$(firstword $(UNITDIR))),)
	@echo 'install: systemd does not look into $(UNITDIR):'
	@echo 'install: run "systemctl link" on the units there, or set UNITDIR=/etc/systemd/system'
endif

install-helper: $(helper) $(helper_complete) $(call of_helper,$(units_made))
	$(Q)$(install_program) $(helper) $(call installed,$(bindir)/docker-credential-icr)
	$(Q)$(install_program) $(helper_complete) $(call installed,$(PREFIX)/$(helper_below))
	$(Q)ln -sf ../$(helper_below) $(call installed,$(bindir)/icr-credential-provider)
	$(Q)$(call install_texts,$(call of_helper,$(texts)))

install-rewrite: $(rewrite) $(rewrite_complete) $(call of_rewrite,$(units_made))
	$(Q)$(install_program) $(rewrite) $(call installed,$(sbindir)/icr-rewrite)
	$(Q)$(install_program) $(rewrite_complete) $(call installed,$(PREFIX)/$(rewrite_below))
	$(Q)$(call install_texts,$(call of_rewrite,$(texts)))

# On the live host what is in force goes first: without its program nobody could take it back.
.PHONY: uninstall
uninstall:
ifeq ($(DESTDIR),)
	$(Q)PROGRAM=$(call quote,$(sbindir)/icr-rewrite) UNITDIR=$(call quote,$(UNITDIR)) \
		sh packaging/undo.sh
endif
	$(Q)rm -f $(call installed,$(bindir)/docker-credential-icr) \
		$(call installed,$(bindir)/icr-credential-provider) \
		$(call installed,$(sbindir)/icr-rewrite) \
		$(foreach below,$(helper_below) $(rewrite_below),$(call installed,$(PREFIX)/$(below))) \
		$(foreach text,$(texts),$(call installed_text,$(text)))
	$(Q)for below in $(dir $(helper_below) $(rewrite_below)); do \
		rmdir $(call installed,$(PREFIX))/"$$below" 2>/dev/null || :; done

# The source archive of the commit that is checked out: the same bytes wherever and whenever it is
# made. Its list of contents names the libraries of this host.
distname := docker-credential-icr-$(release)
archive := $(BUILD)/dist/$(distname).tar.gz
.PHONY: dist sbom
dist:
	@mkdir -p $(dir $(archive))
	$(Q)git -c tar.umask=0022 archive --format=tar --prefix=$(distname)/ HEAD | gzip -9n >$(archive)
	@echo '  DIST    $(archive)'
sbom: dist
	$(Q)python3 packaging/sbom.py $(archive) $(packages) >$(archive:.tar.gz=.spdx.json)
	@echo '  SBOM    $(archive:.tar.gz=.spdx.json)'

# Into $(BUILD)/packages.
.PHONY: deb rpm
deb rpm:
	$(Q)sh packaging/package.sh $@ $(BUILD)

.PHONY: clean
clean:
	$(Q)rm -rf build

-include $(wildcard $(foreach folder,$(foreach tree,$(BUILD) $(BUILD)/fuzz,$(addprefix $(tree)/,icr helper rewrite tests)),$(folder)/*.d $(folder)/*/*.d))
endif
