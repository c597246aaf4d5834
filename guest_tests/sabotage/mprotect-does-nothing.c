// SPDX-License-Identifier: GPL-2.0-only
/* mprotect(2) of registered memory changes nothing. */
#include "sabotage.h"

int __real_mprotect(void *at, size_t len, int prot);
int __wrap_mprotect(void *at, size_t len, int prot);

static struct uffdio_range last;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg))
		last = ((struct uffdio_register *)arg)->range;
	return __real_ioctl(fd, request, arg);
}

int __wrap_mprotect(void *at, size_t len, int prot)
{
	if ((uintptr_t)at - last.start < last.len)
		return 0;
	return __real_mprotect(at, len, prot);
}
