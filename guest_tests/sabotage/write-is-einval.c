// SPDX-License-Identifier: GPL-2.0-only
/* A uffd is open for writing, and has no write operation. */
#include "sabotage.h"

ssize_t __real_write(int fd, const void *buf, size_t size);
ssize_t __wrap_write(int fd, const void *buf, size_t size);

ssize_t __wrap_write(int fd, const void *buf, size_t size)
{
	ssize_t n = __real_write(fd, buf, size);

	if (n < 0 && errno == EBADF)
		errno = EINVAL;
	return n;
}
