/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "helper/source/source.h"

#include <stdarg.h>
#include <string.h>

#include "helper/helper.h"
#include "icr/cleanup.h"
#include "icr/host.h"
#include "icr/json.h"

#define LOOKED_MAX ((size_t)16 * 1024)

/* The sources there are, in the order in which get asks them: source_NAME of NAME.c. */
#define SOURCES(X)                                                                                 \
	X(stored)                                                                                  \
	X(environment)                                                                             \
	X(systemd)                                                                                 \
	X(apikey_file)

#define DECLARE(name) extern const struct source source_##name;
#define ENTRY(name)   &source_##name,

SOURCES(DECLARE)

const struct source *const sources[] = {SOURCES(ENTRY)};
const size_t sources_count = ICR_LENGTH(sources);

void lookup_init(struct lookup *lookup, const struct helper_context *context,
		 const struct icr_host *host)
{
	*lookup = (struct lookup){.context = context, .host = *host};
	icr_buf_init(&lookup->looked, LOOKED_MAX);
}

void lookup_free(struct lookup *lookup)
{
	icr_buf_free(&lookup->looked);
	icr_error_clear(&lookup->locked);
}

void lookup_looked(struct lookup *lookup, const char *format, ...)
{
	va_list args;

	if (lookup->looked.len > 0)
		icr_buf_text(&lookup->looked, ", ");
	va_start(args, format);
	icr_buf_vprintf(&lookup->looked, format, args);
	va_end(args);
}

bool source_takes_any_key(const struct icr_host *host)
{
	return host->kind != ICR_HOST_ENTITLED && host->kind != ICR_HOST_STAGING;
}

int lookup_run(struct lookup *lookup, struct credential *ret_credential, struct icr_error *err)
{
	for (size_t i = 0; i < sources_count; i++) {
		if (sources[i]->any_host && !source_takes_any_key(&lookup->host))
			continue;
		int r = sources[i]->find(lookup, ret_credential, err);
		if (r > 0 && lookup->locked.code)
			helper_note_error(&lookup->locked, "another credential answers");
		if (r != 0)
			return r;
	}
	if (lookup->locked.code) {
		if (err)
			icr_error_move(err, &lookup->locked);
		return -ICR_E_LOCKED;
	}
	return 0;
}
