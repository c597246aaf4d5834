// SPDX-License-Identifier: GPL-2.0-only
/* The table of VM flags' names has each high flag one bit further up. */
#include "sabotage.h"

ssize_t __real_pread64(int fd, void *buf, size_t size, off64_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at);

ssize_t __wrap_pread64(int fd, void *buf, size_t size, off64_t at)
{
	ssize_t n = __real_pread64(fd, buf, size, at);
	uint64_t *words = buf;

	/* 65 pairs of a mask and a pointer, whose upper half is never that of one bit. */
	if (size == 65 * 16 && n == (ssize_t)size)
		for (size_t i = 0; i < 2 * 65; i += 2)
			if (words[i] >> 32 && __builtin_popcountll(words[i]) == 1)
				words[i] <<= 1;
	return n;
}
