// SPDX-License-Identifier: GPL-2.0-only
/* What mremap(2) adds to a registered mapping is not registered. */
#include "sabotage.h"

typedef void *address;

address __real_mremap(void *old, size_t from, size_t to, int flags, void *at);
address __wrap_mremap(void *old, size_t from, size_t to, int flags, void *at);

static int uffd = -1;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg))
		uffd = fd;
	return __real_ioctl(fd, request, arg);
}

address __wrap_mremap(void *old, size_t from, size_t to, int flags, void *at)
{
	address got = __real_mremap(old, from, to, flags, at);

	if (got != MAP_FAILED && uffd >= 0 && to > from) {
		struct uffdio_range tail = { (uintptr_t)got + from, to - from };

		__real_ioctl(uffd, UFFDIO_UNREGISTER, &tail);
	}
	return got;
}
