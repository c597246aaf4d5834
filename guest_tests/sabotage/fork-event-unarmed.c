// SPDX-License-Identifier: GPL-2.0-only
/* The uffd of a FORK message has none of the child's memory. */
#include "sabotage.h"

static struct uffdio_register last;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret)
		last = *(struct uffdio_register *)arg;
	return ret;
}

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	struct uffd_msg *msg = buf;

	if (size == sizeof(*msg) && n == sizeof(*msg) && msg->event == UFFD_EVENT_FORK)
		__real_ioctl(msg->arg.fork.ufd, UFFDIO_UNREGISTER, &last.range);
	return n;
}
