// SPDX-License-Identifier: GPL-2.0-only
/* Starting processes, and words on the console. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

int null_fd = -1;

/* Since Linux 5.3; a wrapper of it is in glibc only since 2.36. */
int pidfd_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

bool write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		length -= n;
	}
	return true;
}

/*
 * Start argv[0]; out and err become its standard output and error. Returns its process id,
 * or -1 and errno. A vfork() copies no page tables, and what the child learns of execv() is
 * in the parent's memory when it returns.
 */
pid_t start(const char *path, char **argv, int out, int err)
{
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		/* As sshd has it: a session of its own, nothing ignored. */
		setsid();
		signal(SIGPIPE, SIG_DFL);
		dup2(null_fd, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execv(path, argv);
		failed = errno;
		_exit(127);
	}
	if (pid > 0 && failed) {
		waitpid(pid, NULL, 0);
		errno = failed;
		return -1;
	}
	return pid;
}

/*
 * One write() is one record of the kernel's log, with a stamp of its clock and never mixed into
 * another line; only its newline says that it is whole: without, the console shows it when the
 * next one comes. Not dprintf(): it seeks, which /dev/kmsg refuses.
 */
void say(const char *fmt, ...)
{
	static int kmsg = -1;
	char text[200], line[256];
	va_list args;
	int n;

	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	n = snprintf(line, sizeof(line), "harness: %s\n", text);
	write_all(kmsg, line, n);
}
