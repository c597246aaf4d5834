// SPDX-License-Identifier: GPL-2.0-only
/* read(2) gives as much of a message as there is room for. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	struct uffd_msg msg;

	/* Only a uffd says EINVAL to a short read here. */
	if (n >= 0 || errno != EINVAL || size >= sizeof(msg))
		return n;
	n = __real_read(fd, &msg, sizeof(msg));
	if (n < 0)
		return n;
	memcpy(buf, &msg, size);
	return size;
}
