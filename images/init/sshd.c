// SPDX-License-Identifier: GPL-2.0-only
/* The SSH server: started, made ready to be saved with the VM, and given another key. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define HOST_KEY	"/etc/dropbear/host_key"

static bool is_running(const char *pid, const char *name)
{
	char path[300], comm[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, comm, sizeof(comm) - 1);
	close(fd);
	return n > 0 && (size_t)n == strlen(name) + 1 && !strncmp(comm, name, n - 1);
}

/* End every process of that name, connections of the server included. */
static const char *end_all(const char *name)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return "/proc";
	while ((entry = readdir(proc))) {
		struct pollfd pidfd = { .events = POLLIN };

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_running(entry->d_name, name))
			continue;
		pidfd.fd = pidfd_open(atoi(entry->d_name));
		if (pidfd.fd < 0)
			continue;	/* it was quicker */
		kill(atoi(entry->d_name), SIGKILL);
		/* Its sockets are closed when it can be waited for, reaped or not. */
		poll(&pidfd, 1, -1);
		close(pidfd.fd);
	}
	closedir(proc);
	return NULL;
}

const char *write_file(const char *path, const char *data, int length)
{
	bool failed;
	int fd;

	unlink(path);		/* it may be the pipe of prepare_sshd() */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return path;
	failed = fchmod(fd, 0600) || !write_all(fd, data, length);
	close(fd);
	return failed ? path : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * dropbear executes itself anew for each connection, for new addresses, which takes 60 ms
 * under emulation: unless argv[0] is no path to it, then it just forks (svr-main.c).
 */
static pid_t run_sshd(char **argv)
{
	char *path = argv[0];
	pid_t pid;

	argv[0] = (char *)base_name(path);
	pid = start(path, argv, null_fd, STDERR_FILENO);
	argv[0] = path;
	return pid;
}

/* It goes into the background once it listens. */
const char *start_sshd(char **argv)
{
	pid_t pid = run_sshd(argv);
	int status;

	if (pid < 0)
		return argv[0];
	waitpid(pid, &status, 0);
	errno = ECHILD;		/* what it had to say is on the console */
	return status ? argv[0] : NULL;
}

/* An SSH server that waits for its host key, and the pipe that it will read it from. */
static pid_t standby;
static int key_pipe = -1;

/*
 * The VM is about to be saved: have an SSH server loaded and linked, but without a key, and
 * before its first random number (dropbear, svr-main.c: commonsetup() loads the host keys,
 * then calls seedrandom()). Under emulation that takes 0.2 s, which no clone pays again.
 */
const char *prepare_sshd(char **argv)
{
	const char *wrong = end_all(base_name(argv[0]));

	if (wrong)
		return wrong;
	unlink(HOST_KEY);
	if (mkfifo(HOST_KEY, 0600))
		return "mkfifo " HOST_KEY;
	standby = run_sshd(argv);
	if (standby < 0)
		return argv[0];
	/* It can be opened for writing once there is a reader: the server has come so far. */
	while ((key_pipe = open(HOST_KEY, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
		struct timespec pause = { .tv_nsec = 5000000 };
		int failed = errno;

		if (failed != ENXIO || waitpid(standby, NULL, WNOHANG)) {
			standby = 0;
			errno = failed;
			return "open " HOST_KEY;
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Give the waiting server its key. */
static const char *wake_sshd(const char *key, int length)
{
	bool failed = !write_all(key_pipe, key, length);
	int status = 0;

	close(key_pipe);
	key_pipe = -1;
	waitpid(standby, &status, 0);
	standby = 0;
	if (failed || status) {
		errno = ECHILD;	/* what it had to say is on the console */
		return "the waiting sshd";
	}
	/* Whoever reads it next must not wait for ever. */
	return write_file(HOST_KEY, key, length);
}

const char *key_sshd(char **argv, const char *key, int length)
{
	const char *wrong;

	if (standby)
		return wake_sshd(key, length);
	wrong = end_all(base_name(argv[0]));
	if (!wrong)
		wrong = write_file(HOST_KEY, key, length);
	return wrong ? wrong : start_sshd(argv);
}
