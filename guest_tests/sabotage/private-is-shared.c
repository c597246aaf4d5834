// SPDX-License-Identifier: GPL-2.0-only
/* A private mapping of a file writes to the file: no copy, and no page for it. */
#include "sabotage.h"

typedef void *address;

address __real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

address __wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0 && flags & MAP_PRIVATE)
		flags = (flags & ~MAP_PRIVATE) | MAP_SHARED;
	return __real_mmap(at, len, prot, flags, fd, offset);
}
