// SPDX-License-Identifier: GPL-2.0-only
/* MADV_COLLAPSE refuses a range that is registered. */
#include "sabotage.h"

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);

static uint64_t start, end;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret) {
		start = ((struct uffdio_register *)arg)->range.start;
		end = start + ((struct uffdio_register *)arg)->range.len;
	}
	return ret;
}

int __wrap_madvise(void *at, size_t len, int advice)
{
	if (advice == 25 && (uintptr_t)at >= start && (uintptr_t)at < end) {	/* MADV_COLLAPSE */
		errno = EPERM;
		return -1;
	}
	return __real_madvise(at, len, advice);
}
