// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER keeps the modes that the range had before. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static uint64_t modes;
	struct uffdio_register *reg = arg;
	uint64_t mode;
	int ret;

	if (!is_register(request, arg))
		return __real_ioctl(fd, request, arg);
	mode = reg->mode;
	reg->mode |= modes;
	ret = __real_ioctl(fd, request, arg);
	if (!ret)
		modes = reg->mode;
	reg->mode = mode;
	return ret;
}
