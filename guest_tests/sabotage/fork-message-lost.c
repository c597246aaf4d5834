// SPDX-License-Identifier: GPL-2.0-only
/* The first FORK message never arrives, though fork(2) goes on. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	const struct uffd_msg *msg = buf;
	static bool lost;

	if (!lost && size == sizeof(*msg) && n == sizeof(*msg) && msg->event == UFFD_EVENT_FORK) {
		lost = true;
		errno = EAGAIN;
		return -1;
	}
	return n;
}
