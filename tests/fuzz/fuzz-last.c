/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
/* What the last runs proved: read of any text, noted again by a run that proved nothing, it is the
 * same but for seconds that pass, and the run is told. */
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#include "icr/file.h"
#include "rewrite/host.h"
#include "tests/fuzz/fuzz.h"

static struct icr_buf kept = ICR_BUF(ICR_BUF_MAX);

static int fuzz_read(const char *path, struct icr_buf *ret, struct icr_error *err)
{
	(void)path;
	icr_buf_append(ret, kept.data, kept.len);
	int r = icr_buf_check(ret, "the file", err);
	return r < 0 ? r : 1;
}

static int fuzz_make(const char *path, mode_t mode, struct icr_error *err)
{
	(void)path;
	(void)mode;
	(void)err;
	return 0;
}

static int fuzz_replace(const char *path, const void *data, size_t len, mode_t mode,
			struct icr_error *err)
{
	(void)path;
	(void)mode;
	(void)err;
	icr_buf_truncate(&kept, 0);
	icr_buf_append(&kept, data, len);
	return 0;
}

#define icr_file_read	 fuzz_read
#define icr_file_replace fuzz_replace
#define icr_folder_make	 fuzz_make
#define geteuid()	 ((uid_t)0)
#define host_has(path)	 true /* the state file */
#include "rewrite/last.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	_cleanup_last_ struct last before = {0}, after = {0};
	_cleanup_error_ struct icr_error err = {0};
	size_t count;
	const struct icr_region *regions = icr_regions(&count);

	if (run.work.routes.count == 0) {
		run.work.host = (struct host){.root = "", .live = true};
		for (size_t i = 0; i < 3; i++)
			(void)routes_add(&run.work.routes, &regions[i]);
	}
	icr_buf_truncate(&kept, 0);
	icr_buf_append(&kept, data, size);
	last_load(&before);
	(void)icr_fail(&err, EIO, "%.*s", (int)size, (const char *)data);
	last_note(&run, "refresh", true, size % 2 ? -EIO : 0, &err);
	last_load(&after);
	CHECK(after.run.at > 0 && after.verb && strcmp(after.verb, "refresh") == 0);
	CHECK((after.reason != NULL) == (size % 2 == 1));
	for (size_t i = 0; i < 3; i++) {
		struct last_time then = last_proven(&before, regions[i].public_name);
		struct last_time now = last_proven(&after, regions[i].public_name);
		CHECK(now.at == then.at && now.age_s >= then.age_s && now.age_s <= then.age_s + 2);
	}
	return 0;
}
