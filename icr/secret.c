/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "icr/memory.h"

#define HIDDEN_LEAST 8

int icr_secret_set(struct icr_secret *ret_secret, const char *bytes, size_t len,
		   struct icr_error *err)
{
	if (len > ICR_SECRET_MAX)
		return icr_fail(err, EFBIG, "a secret of %zu bytes is longer than the allowed %zu",
				len, ICR_SECRET_MAX);

	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (len + page) / page * page;
	void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	/* RLIMIT_MEMLOCK may be 0: a secret that could be swapped is better than no login */
	if (data == MAP_FAILED)
		data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	if (data == MAP_FAILED)
		return icr_fail_errno(err, errno, NULL, "cannot map memory for a secret");
	(void)madvise(data, mapped, MADV_DONTDUMP);
	if (len > 0)
		memcpy(data, bytes, len);

	icr_secret_free(ret_secret);
	*ret_secret = (struct icr_secret){.data = data, .len = len, .mapped = mapped};
	return 0;
}

void icr_secret_free(struct icr_secret *secret)
{
	if (!secret)
		return;
	if (secret->data) {
		icr_wipe(secret->data, secret->len);
		(void)munmap(secret->data, secret->mapped);
	}
	*secret = (struct icr_secret){0};
}

void icr_secret_harden_process(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void icr_secret_hide(const struct icr_secret *secret, struct icr_buf *text)
{
	/* ours as long as there is anything in it */
	char *at = (char *)(uintptr_t)text->data, *end = at + text->len;

	if (secret->len < HIDDEN_LEAST)
		return;
	while ((at = memmem(at, (size_t)(end - at), secret->data, secret->len))) {
		memset(at, '*', secret->len);
		at += secret->len;
	}
}
