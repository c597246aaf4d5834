// SPDX-License-Identifier: GPL-2.0-only
/* Closing a uffd unmaps what it resolved. */
#include "sabotage.h"

static struct uffdio_range resolved;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && !ret)
		resolved = ((struct uffdio_continue *)arg)->range;
	return ret;
}

int __wrap_close(int fd)
{
	madvise((void *)(uintptr_t)resolved.start, resolved.len, MADV_DONTNEED);
	return __real_close(fd);
}
