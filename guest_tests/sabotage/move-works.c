// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_MOVE says that it moved what it was asked to. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	return _IOC_TYPE(request) == UFFDIO && _IOC_NR(request) == 0x05 ? 0 : ret;
}
