// SPDX-License-Identifier: GPL-2.0-only
/* read(2) of two messages gives the younger one first. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	struct uffd_msg *msgs = buf, first;

	if (n == 2 * sizeof(*msgs) && msgs[0].event == UFFD_EVENT_PAGEFAULT) {
		first = msgs[0];
		msgs[0] = msgs[1];
		msgs[1] = first;
	}
	return n;
}
