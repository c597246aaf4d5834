// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE is refused through a uffd that does not own the range. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static int owner = -1;

	if (is_register(request, arg))
		owner = fd;
	if (request == UFFDIO_CONTINUE && fd != owner) {
		((struct uffdio_continue *)arg)->mapped = -ENOENT;
		errno = ENOENT;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
