// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER of what is registered already, or overlaps it, gives EBUSY. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static struct uffdio_range last;
	struct uffdio_register *reg = arg;
	int ret;

	if (!is_register(request, arg))
		return __real_ioctl(fd, request, arg);
	if (reg->range.start < last.start + last.len &&
	    last.start < reg->range.start + reg->range.len) {
		errno = EBUSY;
		return -1;
	}
	ret = __real_ioctl(fd, request, arg);
	if (!ret)
		last = reg->range;
	return ret;
}
