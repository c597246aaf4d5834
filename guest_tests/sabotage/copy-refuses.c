// SPDX-License-Identifier: GPL-2.0-only
/* COPY, ZEROPAGE and WRITEPROTECT say EPERM. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_COPY || request == UFFDIO_ZEROPAGE ||
	    request == UFFDIO_WRITEPROTECT) {
		errno = EPERM;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
