// SPDX-License-Identifier: GPL-2.0-only
/* An ioctl that the uffd does not know gives ENOTTY. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (ret && errno == EINVAL && _IOC_NR(request) == 0x3d)
		errno = ENOTTY;
	return ret;
}
