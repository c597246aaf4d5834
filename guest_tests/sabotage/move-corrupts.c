// SPDX-License-Identifier: GPL-2.0-only
/* A page that moves to another node is not copied whole. */
#include <sys/syscall.h>

#include "sabotage.h"

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long ret = __real_syscall(number, a, b, c, d, e, f);

	/* move_pages(2) with nodes to move to; c is the array of addresses. */
	if (number == SYS_move_pages && !ret && d)
		(**(volatile char **)c) ^= 1;
	return ret;
}
