// SPDX-License-Identifier: GPL-2.0-only
/* Every second WRITEPROTECT that protects does nothing: writes go on unseen. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const struct uffdio_writeprotect *protect = arg;
	static unsigned int n;

	if (request == UFFDIO_WRITEPROTECT && protect->mode & UFFDIO_WRITEPROTECT_MODE_WP &&
	    n++ % 2)
		return 0;
	return __real_ioctl(fd, request, arg);
}
