// SPDX-License-Identifier: GPL-2.0-only
/* Each message that is read leaves a context of a uffd behind. */
#include <sys/syscall.h>

#include "sabotage.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);

	if (size == sizeof(struct uffd_msg) && n == sizeof(struct uffd_msg))
		syscall(SYS_userfaultfd, 0);
	return n;
}
