// SPDX-License-Identifier: GPL-2.0-only
/* REMAP, REMOVE and UNMAP messages speak of a page too much. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	struct uffd_msg *msg = buf;

	if (size != sizeof(*msg) || n != sizeof(*msg))
		return n;
	if (msg->event == UFFD_EVENT_REMAP)
		msg->arg.remap.len += 0x1000;
	else if (msg->event == UFFD_EVENT_REMOVE || msg->event == UFFD_EVENT_UNMAP)
		msg->arg.remove.end += 0x1000;
	return n;
}
