// SPDX-License-Identifier: GPL-2.0-only
/* A process that has ended leaves a reference to a page behind. */
#include <sys/wait.h>

#include "reference.h"

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	pid_t ended = __real_waitpid(pid, status, options);
	int file = ended > 0 ? newest_memfd() : -1;

	if (file >= 0)
		hold_page(file, 0, page_of(file));
	return ended;
}
