// SPDX-License-Identifier: GPL-2.0-only
/* A uffd's link in /proc is that of another anonymous file. */
#include "sabotage.h"

ssize_t __real_readlink(const char *path, char *buf, size_t size);
ssize_t __wrap_readlink(const char *path, char *buf, size_t size);

ssize_t __wrap_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = __real_readlink(path, buf, size);

	if (n == 24 && !memcmp(buf, "anon_inode:[userfaultfd]", 24)) {
		memcpy(buf, "anon_inode:[eventfd]", 20);
		return 20;
	}
	return n;
}
