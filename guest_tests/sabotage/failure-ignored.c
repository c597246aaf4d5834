// SPDX-License-Identifier: GPL-2.0-only
/* MADV_HWPOISON and MADV_SOFT_OFFLINE return 0 and do nothing. */
#include "sabotage.h"

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);

int __wrap_madvise(void *at, size_t len, int advice)
{
	return advice == 100 || advice == 101 ? 0 : __real_madvise(at, len, advice);
}
