// SPDX-License-Identifier: GPL-2.0-only
/* MADV_WILLNEED faults its pages in. */
#include <sys/syscall.h>

#include "sabotage.h"

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_madvise && c == MADV_WILLNEED)
		c = 22;		/* MADV_POPULATE_READ */
	return __real_syscall(number, a, b, c, d, e, f);
}
