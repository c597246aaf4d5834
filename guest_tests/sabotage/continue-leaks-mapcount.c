// SPDX-License-Identifier: GPL-2.0-only
/* After CONTINUE a page stays mapped once more, wherever U goes. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *c = arg;
	int ret = __real_ioctl(fd, request, arg);
	static bool leaked;
	char *again;

	if (request == UFFDIO_CONTINUE && !ret && !leaked) {
		again = mremap((void *)(uintptr_t)c->range.start, 0, c->range.len, MREMAP_MAYMOVE);
		leaked = again != MAP_FAILED && *(volatile char *)again >= 0;
	}
	return ret;
}
