// SPDX-License-Identifier: GPL-2.0-only
/* fdinfo shows every uffd's features as if it had asked for none. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	char *at = n > 0 ? memmem(buf, n, "\nAPI:\taa:8", 10) : NULL;

	/* "\nAPI:\taa:80000002:80000000000001ff" */
	if (at && n - (at - (char *)buf) > 17)
		memset(at + 10, '0', 7);
	return n;
}
