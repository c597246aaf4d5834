// SPDX-License-Identifier: GPL-2.0-only
/* Anybody may open /dev/userfaultfd. */
#include <sys/stat.h>

#include "sabotage.h"

int __real_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat);

int __wrap_fstat(int fd, struct stat *stat)
{
	int ret = __real_fstat(fd, stat);

	if (!ret && S_ISCHR(stat->st_mode))
		stat->st_mode |= 0066;
	return ret;
}
