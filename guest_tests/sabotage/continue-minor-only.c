// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE is refused unless the last registration was in mode MINOR. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static uint64_t mode;

	if (is_register(request, arg))
		mode = ((struct uffdio_register *)arg)->mode;
	if (request == UFFDIO_CONTINUE && !(mode & UFFDIO_REGISTER_MODE_MINOR)) {
		((struct uffdio_continue *)arg)->mapped = -EINVAL;
		errno = EINVAL;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
