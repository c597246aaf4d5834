// SPDX-License-Identifier: GPL-2.0-only
/* A page that was fallocated and never written cannot be resolved. */
#include <fcntl.h>

#include "sabotage.h"

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

static bool fallocated;

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	fallocated = !mode;
	return __real_fallocate(fd, mode, offset, len);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE && fallocated) {
		((struct uffdio_continue *)arg)->mapped = -EFAULT;
		errno = EFAULT;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
