// SPDX-License-Identifier: GPL-2.0-only
/* A message has 40 bytes where there is room for them. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (n == sizeof(struct uffd_msg) && size >= 40) {
		memset((char *)buf + n, 0, 8);
		return 40;
	}
	return n;
}
