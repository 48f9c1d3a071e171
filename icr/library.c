/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/library.h"

#include <dlfcn.h>

/*
 * Of the thirty libraries that libcurl brings, few functions are called. Where a library wants its
 * table of functions read-only it says so itself (-z now), and is bound at once all the same.
 */
static void *load_first(const char *const *names)
{
	for (; *names; names++) {
		void *library = dlopen(*names, RTLD_LAZY | RTLD_LOCAL);
		if (library)
			return library;
	}
	return NULL;
}

int icr_library_load(const char *const *names, const char *package,
		     const struct icr_library_symbol *symbols, size_t count, struct icr_error *err)
{
	void *library = load_first(names);
	if (!library) {
		const char *why = dlerror();
		icr_fail(err, ICR_E_UNAVAILABLE, "cannot load %s: %s", names[0],
			 why ? why : "unknown reason");
		(void)icr_error_hint(err, "install the package %s", package);
		return -ICR_E_UNAVAILABLE;
	}
	for (size_t i = 0; i < count; i++) {
		if (dlsym(library, symbols[i].name))
			continue;
		icr_fail(err, ICR_E_UNAVAILABLE, "%s has no function %s", names[0],
			 symbols[i].name);
		(void)icr_error_hint(err, "install a newer version of the package %s", package);
		(void)dlclose(library);
		return -ICR_E_UNAVAILABLE;
	}
	for (size_t i = 0; i < count; i++)
		*symbols[i].address = dlsym(library, symbols[i].name);
	return 0;
}
