// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's memory has no name uffd_minor. */
#include "sabotage.h"

ssize_t __real_pread64(int fd, void *buf, size_t size, off64_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at);

ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at)
{
	ssize_t n = __real_pread64(fd, buf, size, at);
	char *name = n > 0 ? memmem(buf, n, "uffd_minor", 10) : NULL;

	if (name)
		*name = 'U';
	return n;
}
