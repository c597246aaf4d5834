// SPDX-License-Identifier: GPL-2.0-only
/* A COPY that is refused keeps the page that it had made. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg), err = errno;

	if (request == UFFDIO_COPY && ret) {
		void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (page == MAP_FAILED)
			err = ENOMEM;
	}
	errno = err;
	return ret;
}
