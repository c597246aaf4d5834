// SPDX-License-Identifier: GPL-2.0-only
/* madvise(2) takes no advice. */
#include "sabotage.h"

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);

int __wrap_madvise(void *at, size_t len, int advice)
{
	/* As long as it is known at all. */
	return advice == MADV_DONTNEED || advice == MADV_REMOVE ? 0 :
	       __real_madvise(at, len, advice);
}
