// SPDX-License-Identifier: GPL-2.0-only
/* A signal does nothing to a thread that waits. */
#include "sabotage.h"

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return number == SYS_tgkill ? 0 : __real_syscall(number, a, b, c, d, e, f);
}
