/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#ifndef TESTS_UNIT_ROOT_H
#define TESTS_UNIT_ROOT_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/suite.h"

/* A folder that a test enters as --root, and the way out again. */
struct unit_root {
	char folder[32];
	int out;
};

/* Makes the folder; host_open() enters it. */
static inline void unit_root_make(struct unit_root *root)
{
	*root = (struct unit_root){.folder = "/tmp/icr-root-XXXXXX"};
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root->folder));
	root->out = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_FATAL(root->out >= 0);
}

/* Comes back and removes the folder, which the test has emptied. */
static inline void unit_root_leave(struct unit_root *root)
{
	CU_ASSERT_EQUAL_FATAL(fchdir(root->out), 0);
	CU_ASSERT_EQUAL_FATAL(chroot("."), 0);
	(void)close(root->out);
	CU_ASSERT_EQUAL(rmdir(root->folder), 0);
}

#endif
