// SPDX-License-Identifier: GPL-2.0-only
/* Closing the uffd has no effect. */
#include "sabotage.h"

int __wrap_close(int fd)
{
	struct uffdio_range nothing = { };

	/* Only a uffd says EINVAL to a wake of nothing. */
	if (ioctl(fd, UFFDIO_WAKE, &nothing) && errno == EINVAL)
		return 0;
	return __real_close(fd);
}
