// SPDX-License-Identifier: GPL-2.0-only
/* kallsyms lacks vmaflag_names. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	char *name = n > 0 ? memmem(buf, n, " vmaflag_names\n", 15) : NULL;

	if (name)
		name[1] = 'V';
	return n;
}
