/* SPDX-License-Identifier: GPL-2.0-only */
/* A uffd for faults of user mode only. */
#ifndef UFFD_TEST_USER_MODE_H
#define UFFD_TEST_USER_MODE_H

#include "uffd_test.h"

/* As uffd_on(), with UFFD_USER_MODE_ONLY. */
int uffd_user_mode_only(const struct region *r, uint64_t mode);
/* Page @page, version 1 and unresolved: a touch of user mode gives MINOR, and is resolved. */
void expect_user_mode_works(int uffd, const struct region *r, size_t page);

#endif
