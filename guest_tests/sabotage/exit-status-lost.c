// SPDX-License-Identifier: GPL-2.0-only
/* A process that ends in the middle of a fault has no status. */
#include <sys/wait.h>

#include "sabotage.h"

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	pid_t ended = __real_waitpid(pid, status, options);

	/* The case's own process is not waited for by its id alone: it has WNOHANG and a limit. */
	if (ended > 0 && status && (WIFSIGNALED(*status) || WEXITSTATUS(*status) >= 40))
		*status = 0;
	return ended;
}
