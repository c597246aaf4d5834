// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE wakes more than it has mapped: as much again behind it, or all of the range. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);
	int err = errno;

	if (request == UFFDIO_CONTINUE && (!ret || err == EAGAIN)) {
		struct uffdio_range more = ((struct uffdio_continue *)arg)->range;

		more.start += ret ? 0 : more.len;
		__real_ioctl(fd, UFFDIO_WAKE, &more);
	}
	errno = err;
	return ret;
}
