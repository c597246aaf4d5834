// SPDX-License-Identifier: GPL-2.0-only
/* Truncation and a punched hole leave the pages in the page cache. */
#include <fcntl.h>

#include "sabotage.h"

int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

int __wrap_ftruncate(int fd, off_t len)
{
	static bool made;

	if (made)
		return 0;
	made = true;
	return __real_ftruncate(fd, len);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return mode & FALLOC_FL_PUNCH_HOLE ? 0 : __real_fallocate(fd, mode, offset, len);
}
