/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the docker-credential-icr authors */
#include "icr/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "icr/secret.h"

static int fill_descriptors(void)
{
	static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest that is free is this one. Without O_CLOEXEC: children need it too. */
		if (open("/dev/null", modes[fd]) != fd)
			return -EBADF;
	}
	return 0;
}

int icr_program_start(void)
{
	icr_secret_harden_process();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return fill_descriptors();
}
