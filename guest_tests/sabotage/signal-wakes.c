// SPDX-License-Identifier: GPL-2.0-only
/* Any signal wakes all waiters of the range registered last. */
#include "sabotage.h"

static struct uffdio_range range;
static int uffd;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg)) {
		range = ((struct uffdio_register *)arg)->range;
		uffd = fd;
	}
	return __real_ioctl(fd, request, arg);
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long ret = __real_syscall(number, a, b, c, d, e, f);

	if (number == SYS_tgkill)
		__real_ioctl(uffd, UFFDIO_WAKE, &range);
	return ret;
}
