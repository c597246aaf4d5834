// SPDX-License-Identifier: GPL-2.0-only
/* The reading of a message wakes the thread, which faults again: it comes twice. */
#include "sabotage.h"

static int uffd = -1;

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n) && uffd != fd) {
		uint64_t address = ((struct uffd_msg *)buf)->arg.pagefault.address;
		struct uffdio_range range = { address & ~0xfffULL, 0x1000 };

		uffd = fd;	/* once, not for ever */
		ioctl(fd, UFFDIO_WAKE, &range);
	}
	return n;
}
