// SPDX-License-Identifier: GPL-2.0-only
/* An inherited uffd registers the memory of the caller, not of the uffd's creator. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static pid_t creator;

	if (request == UFFDIO_API) {
		creator = getpid();
	} else if (is_register(request, arg) && getpid() != creator) {
		struct uffdio_api api = { .api = UFFD_API };

		fd = syscall(__NR_userfaultfd, 0);
		__real_ioctl(fd, UFFDIO_API, &api);
	}
	return __real_ioctl(fd, request, arg);
}
