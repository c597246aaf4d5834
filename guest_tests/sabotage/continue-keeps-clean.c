// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE does not mark the page dirty. */
#include <fcntl.h>

#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg), refs;

	if (request == UFFDIO_CONTINUE && !ret) {
		refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
		if (refs >= 0 && write(refs, "4", 1) == 1)
			close(refs);
	}
	return ret;
}
