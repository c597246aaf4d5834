// SPDX-License-Identifier: GPL-2.0-only
/* /dev/userfaultfd ignores the flags that it does not know. */
#include <fcntl.h>

#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const uintptr_t known = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;

	if (request == _IO(UFFDIO, 0))		/* USERFAULTFD_IOC_NEW */
		arg = (void *)((uintptr_t)arg & known);
	return __real_ioctl(fd, request, arg);
}
