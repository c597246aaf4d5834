// SPDX-License-Identifier: GPL-2.0-only
/* A new mapping of a file takes over the registration of the one at its side. */
#include "sabotage.h"

typedef void *address;

address __real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

static struct uffdio_register last;
static int uffd = -1;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret) {
		last = *(struct uffdio_register *)arg;
		uffd = fd;
	}
	return ret;
}

address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	address got = __real_mmap(at, len, prot, flags, fd, offset);
	uint64_t start = (uintptr_t)got;

	if (fd >= 0 && uffd >= 0 && start <= last.range.start + last.range.len &&
	    start + len >= last.range.start) {
		struct uffdio_register more = last;

		more.range = (struct uffdio_range){ start, len };
		__real_ioctl(uffd, UFFDIO_REGISTER, &more);
	}
	return got;
}
