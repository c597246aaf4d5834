// SPDX-License-Identifier: GPL-2.0-only
/* A thread that ends takes the fault of its clear_child_tid word. */
#include "sabotage.h"

static __thread volatile int *word;

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_set_tid_address)
		word = (int *)a;
	else if (number == SYS_exit)
		*word = 0;
	return __real_syscall(number, a, b, c, d, e, f);
}
