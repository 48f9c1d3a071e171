/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "icr/buf.h"
#include "icr/cleanup.h"
#include "icr/file.h"
#include "tests/unit/suite.h"

/* A folder of a test's own: its name, removed with all that is in it. */
struct folder {
	char path[sizeof("/tmp/icr-unit-XXXXXX")];
};

static inline void folder_make(struct folder *folder)
{
	memcpy(folder->path, "/tmp/icr-unit-XXXXXX", sizeof(folder->path));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->path));
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_remove(struct folder *folder)
{
	(void)nftw(folder->path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define _cleanup_folder_ __attribute__((cleanup(folder_remove)))

/* FOLDER/NAME; the caller frees. */
static inline char *folder_path(const struct folder *folder, const char *name)
{
	char *path = icr_path_join(folder->path, name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	return path;
}

static inline void file_put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(text, 1, strlen(text), file), strlen(text));
	CU_ASSERT_EQUAL(fclose(file), 0);
}

/* Does PATH hold TEXT? NULL: is there no such file? */
static inline bool file_is(const char *path, const char *text)
{
	_cleanup_buf_ struct icr_buf buf = {0};

	icr_buf_init(&buf, 1000000);
	int r = icr_file_read(path, &buf, NULL);
	if (!text)
		return r == 0;
	return r == 1 && buf.len == strlen(text) && memcmp(buf.data, text, buf.len) == 0;
}

/* How many entries a folder has. */
static inline int folder_count(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	int count = -2;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		count++;
	return count;
}

#endif
