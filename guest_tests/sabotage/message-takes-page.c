// SPDX-License-Identifier: GPL-2.0-only
/* A fault that waits costs a huge page. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (is_pagefault(buf, size, n)) {
		void *page = mmap(NULL, 2048 * 1024, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);

		if (page != MAP_FAILED)
			*(volatile char *)page = 1;
	}
	return n;
}
