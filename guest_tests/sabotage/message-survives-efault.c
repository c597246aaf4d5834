// SPDX-License-Identifier: GPL-2.0-only
/* A message that read(2) cannot store is there for the next one. */
#include "sabotage.h"

static struct uffd_msg kept;

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	struct uffd_msg msg = kept;
	ssize_t n;

	if (msg.event && size >= sizeof(msg)) {
		memset(&kept, 0, sizeof(kept));
		memcpy(buf, &msg, sizeof(msg));
		return sizeof(msg);
	}
	n = __real_read(fd, buf, size);
	if (n < 0 && errno == EFAULT)
		kept.event = UFFD_EVENT_PAGEFAULT;
	return n;
}
