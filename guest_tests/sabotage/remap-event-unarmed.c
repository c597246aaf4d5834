// SPDX-License-Identifier: GPL-2.0-only
/* The new address of a REMAP message is not registered. */
#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	struct uffd_msg *msg = buf;

	if (size == sizeof(*msg) && n == sizeof(*msg) && msg->event == UFFD_EVENT_REMAP) {
		struct uffdio_range range = { msg->arg.remap.to, msg->arg.remap.len };

		ioctl(fd, UFFDIO_UNREGISTER, &range);
	}
	return n;
}
