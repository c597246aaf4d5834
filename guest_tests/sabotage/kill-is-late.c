// SPDX-License-Identifier: GPL-2.0-only
/* SIGKILL does not end what a process is doing: it is done first. */
#include <signal.h>
#include <sys/wait.h>

#include "sabotage.h"

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);

int __wrap_kill(pid_t pid, int sig)
{
	siginfo_t info = { };

	for (int ms = 0; ms < 2000 && pid > 0 && sig == SIGKILL && !info.si_pid; ms++) {
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG);
		usleep(1000);
	}
	return __real_kill(pid, sig);
}
