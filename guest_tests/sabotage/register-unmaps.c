// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER throws away what is mapped already. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret) {
		struct uffdio_register *reg = arg;

		madvise((void *)(uintptr_t)reg->range.start, reg->range.len, MADV_DONTNEED);
	}
	return ret;
}
