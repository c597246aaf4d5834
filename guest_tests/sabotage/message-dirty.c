// SPDX-License-Identifier: GPL-2.0-only
/* Unused bytes of a message are not zero, nor is ptid. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n))
		((struct uffd_msg *)buf)->arg.pagefault.feat.ptid |= 0x80000000;
	return n;
}
