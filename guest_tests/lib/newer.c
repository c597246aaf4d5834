// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls that came after 6.1, with their outcome. */
#include "newer.h"

struct outcome uffd_poison(int uffd, const void *start, size_t len, uint64_t mode)
{
	struct uffdio_poison arg = {
		.range = { (uintptr_t)start, len }, .mode = mode, .updated = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_POISON, &arg);

	return (struct outcome){ ret ? errno : 0, arg.updated, "updated" };
}

struct outcome uffd_move(int uffd, const void *dst, const void *src, size_t len, uint64_t mode)
{
	struct uffdio_move arg = {
		.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = len, .mode = mode,
		.move = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_MOVE, &arg);

	return (struct outcome){ ret ? errno : 0, arg.move, "move" };
}

struct outcome uffd_rwprotect(int uffd, const void *start, size_t len, uint64_t mode)
{
	struct uffdio_rwprotect arg = { .range = { (uintptr_t)start, len }, .mode = mode };
	int ret = ioctl(uffd, UFFDIO_RWPROTECT, &arg);

	return (struct outcome){ ret ? errno : 0, 0, NULL };
}

struct outcome uffd_set_mode(int uffd, uint64_t enable, uint64_t disable)
{
	struct uffdio_set_mode arg = { .enable = enable, .disable = disable };
	int ret = ioctl(uffd, UFFDIO_SET_MODE, &arg);

	return (struct outcome){ ret ? errno : 0, 0, NULL };
}
