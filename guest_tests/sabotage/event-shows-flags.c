// SPDX-License-Identifier: GPL-2.0-only
/* An event's format in tracefs has the names of VM flags. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	char *at = n > 0 ? memmem(buf, n, "name: sched_switch\n", 19) : NULL;

	if (at)
		memcpy(at, "name: uffd_minor  \n", 19);
	return n;
}
