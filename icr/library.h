/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef ICR_LIBRARY_H
#define ICR_LIBRARY_H

#include <stddef.h>

#include "icr/error.h"

/*
 * A shared library loaded only on the path that needs it (linking libcurl costs ten times the start
 * of a plain program). Each use also declares itself with ICR_LIBRARY_NOTE, so that packaging tools
 * see the dependency.
 */
struct icr_library_symbol {
	const char *name;
	void **address; /* where to put it */
};

/* dlopen(RTLD_LAZY | RTLD_LOCAL) of the first of NAMES (NULL-terminated) that loads, then every
 * symbol. The library stays loaded. -ICR_E_UNAVAILABLE says which package to install: PACKAGE. */
int icr_library_load(const char *const *names, const char *package,
		     const struct icr_library_symbol *symbols, size_t count, struct icr_error *err);

/*
 * ELF note of type 0x407c0c0a, owner "FDO", JSON payload. Source: uapi-group.org, "ELF dlopen
 * Metadata". TEXT is a string literal.
 */
#define ICR_LIBRARY_NOTE(identifier, text)                                                         \
	__attribute__((used, section(".note.dlopen"), aligned(4))) static const struct {           \
		struct {                                                                           \
			unsigned int name_size, text_size, type;                                   \
		} header;                                                                          \
		char name[4];                                                                      \
		char payload[(sizeof(text) + 3) & ~(size_t)3];                                     \
	} identifier = {{4, sizeof(text), 0x407c0c0aU}, "FDO", text}

#endif
