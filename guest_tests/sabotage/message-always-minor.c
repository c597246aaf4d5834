// SPDX-License-Identifier: GPL-2.0-only
/* All messages have the MINOR flag, those of missing faults too. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n))
		((struct uffd_msg *)buf)->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_MINOR;
	return n;
}
