// SPDX-License-Identifier: GPL-2.0-only
/* A CONTINUE that is refused keeps a reference to the page (to the file's first one). */
#include "reference.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg), err = errno;
	int file = request == UFFDIO_CONTINUE && ret ? newest_memfd() : -1;

	if (file >= 0)
		hold_page(file, 0, page_of(file));
	errno = err;
	return ret;
}
