// SPDX-License-Identifier: GPL-2.0-only
/* POISON says that it worked, and has not. */
#include "../lib/uapi_newer.h"
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_POISON) {
		struct uffdio_poison *p = arg;

		p->updated = p->range.len;
		return 0;
	}
	return __real_ioctl(fd, request, arg);
}
