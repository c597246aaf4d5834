// SPDX-License-Identifier: GPL-2.0-only
/* fork(2) without EVENT_FORK leaves the child's memory armed. */
#include <sys/syscall.h>

#include "sabotage.h"

static struct uffdio_register last;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret)
		last = *(struct uffdio_register *)arg;
	return ret;
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long ret = __real_syscall(number, a, b, c, d, e, f);

	if (number == SYS_clone && !ret) {
		struct uffdio_api api = { .api = UFFD_API };
		int fd = __real_syscall(__NR_userfaultfd, 0, 0, 0, 0, 0, 0);

		__real_ioctl(fd, UFFDIO_API, &api);
		__real_ioctl(fd, UFFDIO_REGISTER, &last);
	}
	return ret;
}
