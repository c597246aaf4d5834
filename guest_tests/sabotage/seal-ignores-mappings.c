// SPDX-License-Identifier: GPL-2.0-only
/* F_SEAL_WRITE does not look whether the memfd is mapped. */
#include "sabotage.h"

int __real_fcntl(int fd, int command, long arg);
int __wrap_fcntl(int fd, int command, long arg);

int __wrap_fcntl(int fd, int command, long arg)
{
	int ret = __real_fcntl(fd, command, arg);

	return ret && errno == EBUSY ? 0 : ret;
}
