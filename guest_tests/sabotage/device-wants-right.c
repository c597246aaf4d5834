// SPDX-License-Identifier: GPL-2.0-only
/* /dev/userfaultfd gives a uffd to root only. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == _IO(UFFDIO, 0) && geteuid()) {	/* USERFAULTFD_IOC_NEW */
		errno = EPERM;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
