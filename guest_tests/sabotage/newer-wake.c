// SPDX-License-Identifier: GPL-2.0-only
/* POISON, MOVE and RWPROTECT wake though they have done nothing. */
#include "../lib/uapi_newer.h"
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);
	struct uffdio_range range;
	int err = errno;

	if (request == UFFDIO_MOVE)
		range = (struct uffdio_range){ ((struct uffdio_move *)arg)->dst,
					       ((struct uffdio_move *)arg)->len };
	else if (request == UFFDIO_POISON || request == UFFDIO_RWPROTECT)
		range = *(struct uffdio_range *)arg;
	else
		return ret;
	__real_ioctl(fd, UFFDIO_WAKE, &range);
	errno = err;
	return ret;
}
