// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER takes MODE_MINOR and ignores it. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_register *reg = arg;
	uint64_t mode;
	int ret;

	if (!is_register(request, arg) || !(reg->mode & UFFDIO_REGISTER_MODE_MINOR))
		return __real_ioctl(fd, request, arg);
	mode = reg->mode;
	reg->mode &= ~UFFDIO_REGISTER_MODE_MINOR;
	if (!reg->mode)
		reg->mode = UFFDIO_REGISTER_MODE_MISSING;
	ret = __real_ioctl(fd, request, arg);
	reg->mode = mode;
	return ret;
}
