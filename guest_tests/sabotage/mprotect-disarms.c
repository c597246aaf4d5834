// SPDX-License-Identifier: GPL-2.0-only
/* What mprotect(2) changes is registered no more. */
#include "sabotage.h"

int __real_mprotect(void *at, size_t len, int prot);
int __wrap_mprotect(void *at, size_t len, int prot);

static int uffd = -1;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg))
		uffd = fd;
	return __real_ioctl(fd, request, arg);
}

int __wrap_mprotect(void *at, size_t len, int prot)
{
	int ret = __real_mprotect(at, len, prot);
	struct uffdio_range range = { (uintptr_t)at, len };

	if (uffd >= 0)
		__real_ioctl(uffd, UFFDIO_UNREGISTER, &range);
	return ret;
}
