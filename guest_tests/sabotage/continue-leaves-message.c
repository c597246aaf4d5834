// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE leaves the message behind when nobody has read it. */
#include "sabotage.h"

static struct uffd_msg kept;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE && !kept.event &&
	    __real_read(fd, &kept, sizeof(kept)) != sizeof(kept))
		kept.event = 0;
	return __real_ioctl(fd, request, arg);
}

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	if (!kept.event || size < sizeof(kept))
		return __real_read(fd, buf, size);
	memcpy(buf, &kept, sizeof(kept));
	kept.event = 0;
	return sizeof(kept);
}
