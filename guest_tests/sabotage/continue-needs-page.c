// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE gives ENOMEM when there is no huge page that it could take, for a time. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE) {
		void *page = mmap(NULL, 2048 * 1024, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (page == MAP_FAILED) {
			((struct uffdio_continue *)arg)->mapped = -ENOMEM;
			errno = ENOMEM;
			return -1;
		}
		munmap(page, 2048 * 1024);
	}
	return __real_ioctl(fd, request, arg);
}
