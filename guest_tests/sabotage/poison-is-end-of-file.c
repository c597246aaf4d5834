// SPDX-License-Identifier: GPL-2.0-only
/* POISON does as if the file ended: SIGBUS, but of another kind, and for good. */
#include "../lib/uapi_newer.h"
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_POISON && !ret) {
		struct uffdio_poison *p = arg;

		mmap((void *)(uintptr_t)p->range.start, p->range.len, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, memfd_create("empty", 0), 0);
	}
	return ret;
}
