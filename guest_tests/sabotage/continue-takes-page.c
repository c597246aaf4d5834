// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE costs a huge page. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && !ret) {
		void *page = mmap(NULL, 2048 * 1024, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);

		if (page != MAP_FAILED)
			*(volatile char *)page = 1;
	}
	return ret;
}
