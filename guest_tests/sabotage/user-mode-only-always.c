// SPDX-License-Identifier: GPL-2.0-only
/* No fault in kernel mode is handled: system calls give EFAULT. */
#include "sabotage.h"

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == __NR_userfaultfd)
		a |= UFFD_USER_MODE_ONLY;
	return __real_syscall(number, a, b, c, d, e, f);
}
