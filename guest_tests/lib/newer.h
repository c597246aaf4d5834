/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctls that came after 6.1; on a kernel without them they are tried all the same. */
#ifndef UFFD_TEST_NEWER_H
#define UFFD_TEST_NEWER_H

#include "uapi_newer.h"
#include "uffd_test.h"

struct outcome uffd_poison(int uffd, const void *start, size_t len, uint64_t mode);
struct outcome uffd_move(int uffd, const void *dst, const void *src, size_t len, uint64_t mode);
struct outcome uffd_rwprotect(int uffd, const void *start, size_t len, uint64_t mode);
struct outcome uffd_set_mode(int uffd, uint64_t enable, uint64_t disable);

#endif
