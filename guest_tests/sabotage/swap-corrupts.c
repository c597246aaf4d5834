// SPDX-License-Identifier: GPL-2.0-only
/* What comes back from swap is not what went there. */
#include "sabotage.h"

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);

int __wrap_madvise(void *at, size_t len, int advice)
{
	static bool done;

	/* MADV_PAGEOUT, which is asked for again until all is in swap: its second page. */
	if (advice == 21 && !done) {
		((volatile char *)at)[sysconf(_SC_PAGESIZE) + 100] ^= 1;
		done = true;
	}
	return __real_madvise(at, len, advice);
}
