// SPDX-License-Identifier: GPL-2.0-only
/* POISON takes the place of whatever is mapped, or marked. */
#include "../lib/uapi_newer.h"
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_POISON && ret && errno == EEXIST) {
		struct uffdio_poison *p = arg;

		p->updated = p->range.len;
		return 0;
	}
	return ret;
}
