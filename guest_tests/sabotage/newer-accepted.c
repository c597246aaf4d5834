// SPDX-License-Identifier: GPL-2.0-only
/* POISON, MOVE, RWPROTECT and SET_MODE always return 0, done or not. */
#include "../lib/uapi_newer.h"
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	return request == UFFDIO_POISON || request == UFFDIO_MOVE ||
	       request == UFFDIO_RWPROTECT || request == UFFDIO_SET_MODE ? 0 : ret;
}
