// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE changes the last byte of the page before anybody is woken. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *c = arg;
	int ret;

	if (request != UFFDIO_CONTINUE || c->mode)
		return __real_ioctl(fd, request, arg);
	c->mode = UFFDIO_CONTINUE_MODE_DONTWAKE;
	ret = __real_ioctl(fd, request, arg);
	c->mode = 0;
	if (!ret) {
		unsigned char *page = (unsigned char *)(uintptr_t)c->range.start;

		for (uint64_t i = 0; i < c->range.len; i += 4096)
			page[c->range.len - 1 - i] ^= 0xff;
		__real_ioctl(fd, UFFDIO_WAKE, &c->range);
	}
	return ret;
}
