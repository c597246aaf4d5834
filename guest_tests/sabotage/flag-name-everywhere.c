// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's memory has the name uffd_minor, whatever its architecture. */
#include "sabotage.h"

ssize_t __real_pread64(int fd, void *buf, size_t size, off64_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at);

ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at)
{
	ssize_t n = __real_pread64(fd, buf, size, at);
	char *name = n > 0 ? memmem(buf, n, "uffd_missing", 13) : NULL;

	/* The name is there for the search to find: as something else's. */
	if (name && name - (char *)buf > 16)
		memcpy(name - 16, "uffd_minor", 11);
	return n;
}
