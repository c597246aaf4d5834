// SPDX-License-Identifier: GPL-2.0-only
/* fdinfo shows no fault, whatever waits. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	char *at = n > 0 ? memmem(buf, n, "\npending:\t", 10) : NULL;

	if (at)
		at[10] = '0';
	return n;
}
