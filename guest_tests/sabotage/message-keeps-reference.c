// SPDX-License-Identifier: GPL-2.0-only
/* A fault that waits keeps a reference to its page for ever (to the file's first one). */
#include "reference.h"

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	int file = is_pagefault(buf, size, n) ? newest_memfd() : -1;

	if (file >= 0)
		hold_page(file, 0, page_of(file));
	return n;
}
