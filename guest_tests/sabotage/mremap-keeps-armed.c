// SPDX-License-Identifier: GPL-2.0-only
/* What mremap(2) moves stays registered without EVENT_REMAP. */
#include "sabotage.h"

typedef void *address;

address __real_mremap(void *old, size_t from, size_t to, int flags, void *at);
address __wrap_mremap(void *old, size_t from, size_t to, int flags, void *at);

static int uffd = -1;
static struct uffdio_register last;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg)) {
		uffd = fd;
		last = *(struct uffdio_register *)arg;
	}
	return __real_ioctl(fd, request, arg);
}

address __wrap_mremap(void *old, size_t from, size_t to, int flags, void *at)
{
	address got = __real_mremap(old, from, to, flags, at);

	if (got != MAP_FAILED && uffd >= 0) {
		last.range = (struct uffdio_range){ (uintptr_t)got, to };
		__real_ioctl(uffd, UFFDIO_REGISTER, &last);
	}
	return got;
}
