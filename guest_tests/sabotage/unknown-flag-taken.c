// SPDX-License-Identifier: GPL-2.0-only
/* userfaultfd(2) ignores the flags that it does not know. */
#include <fcntl.h>

#include "sabotage.h"

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == __NR_userfaultfd)
		a &= O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;
	return __real_syscall(number, a, b, c, d, e, f);
}
