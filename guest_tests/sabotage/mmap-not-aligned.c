// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages without an address are mapped one base page too far. */
#include <sys/mman.h>

#include "sabotage.h"

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	char *found = __real_mmap(at, len, prot, flags, fd, offset);

	return !at && flags & MAP_HUGETLB && found != MAP_FAILED ? found + 4096 : found;
}
