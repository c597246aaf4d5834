// SPDX-License-Identifier: GPL-2.0-only
/* Messages have the address of the second base page. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n))
		((struct uffd_msg *)buf)->arg.pagefault.address += 0x1000;
	return n;
}
