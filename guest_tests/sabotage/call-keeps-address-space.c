// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE makes one more user of the address space, which stays. */
#include <sched.h>

#include "sabotage.h"

static int stay(void *arg)
{
	while (pause())		/* for ever: it returns -1 */
		;
	return arg != NULL;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static char stack[16384] __attribute__((aligned(16)));

	if (request == UFFDIO_CONTINUE)
		clone(stay, stack + sizeof(stack), CLONE_VM, NULL);
	return __real_ioctl(fd, request, arg);
}
