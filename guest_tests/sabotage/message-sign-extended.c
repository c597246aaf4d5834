// SPDX-License-Identifier: GPL-2.0-only
/* Messages have the address of a 32-bit task with its sign bit in the upper half, too. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n)) {
		struct uffd_msg *msg = buf;

		msg->arg.pagefault.address = (uint64_t)(int32_t)msg->arg.pagefault.address;
	}
	return n;
}
