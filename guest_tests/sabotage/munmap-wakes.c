// SPDX-License-Identifier: GPL-2.0-only
/* munmap(2), and a mapping in the place of another, wakes those who wait there. */
#include "sabotage.h"

typedef void *address;

int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len);
address __real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

static int uffd = -1;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg))
		uffd = fd;
	return __real_ioctl(fd, request, arg);
}

static void wake(void *at, size_t len)
{
	struct uffdio_range range = { (uintptr_t)at, len };

	if (uffd >= 0)
		__real_ioctl(uffd, UFFDIO_WAKE, &range);
}

int __wrap_munmap(void *at, size_t len)
{
	int ret = __real_munmap(at, len);

	wake(at, len);
	return ret;
}

address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	address got = __real_mmap(at, len, prot, flags, fd, offset);

	if (flags & MAP_FIXED)
		wake(at, len);
	return got;
}
