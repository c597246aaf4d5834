// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs commands one after the other for harness/guest/agent.py. Both directions carry frames of
 * one byte type, four bytes length (big endian) and so many bytes:
 *	R  to the guest: run this, the arguments are separated by NUL
 *	O  from the guest: bytes of standard output, as they come
 *	E  from the guest: bytes of standard error, as they come
 *	H  from the guest, before X: how the kernel is, a line "NAME BEFORE AFTER" for each of its
 *	   counters: its taint, its huge pages, its memory
 *	X  from the guest: it ended, "exit N" or "signal NAME"
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define HEADER		5
#define MAX_COMMAND	65536	/* bytes of all arguments */
#define MAX_ARGS	1024
/* What a pipe holds: at the end of a command one read of each takes all that is left. */
#define MAX_OUTPUT	65536

static void die(const char *what)
{
	dprintf(STDERR_FILENO, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* From the host: frames, or the beginning of one. */
static char in[HEADER + MAX_COMMAND + 1];
static size_t in_used;
static bool in_ended;

/*
 * To the host: frames that go out in one write(), so that they travel in one packet. What a
 * command prints waits for more of it or for its end: at most 5 ms for each of 8 reads.
 */
#define MAX_HELD	4096
#define HELD_READS	8
#define HELD_MS		5
static char out[MAX_HELD + 2 * (HEADER + MAX_OUTPUT) + MAX_HEALTH + 512];
static size_t out_used;

/* The command that runs: its process, and the read ends of its pipes, -1 when closed. */
static pid_t child;
static int child_out = -1, child_err = -1;

/* Nobody listens any more, so nothing may go on for them. */
static void leave(int status)
{
	if (child > 0)
		kill(-child, SIGKILL);
	exit(status);
}

static void flush(void)
{
	if (out_used && !write_all(STDOUT_FILENO, out, out_used))
		leave(1);
	out_used = 0;
}

/* Add a frame whose payload is already behind the place of its header. */
static void end_frame(char type, uint32_t length)
{
	char *header = out + out_used;

	header[0] = type;
	header[1] = length >> 24;
	header[2] = length >> 16;
	header[3] = length >> 8;
	header[4] = length;
	out_used += HEADER + length;
}

static void add_text(char type, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(out + out_used + HEADER, 256, fmt, args);
	va_end(args);
	end_frame(type, n < 256 ? n : 255);
}

/* Add what one read of at most length bytes gives. */
static void pass_on(char type, int *fd, size_t length)
{
	ssize_t n = read(*fd, out + out_used + HEADER, length);

	if (n > 0) {
		end_frame(type, n);
	} else if (n == 0 || errno != EINTR) {
		close(*fd);
		*fd = -1;
	}
}

/*
 * The command has ended: add what it has left in a pipe. Not up to the end of file: what it
 * started may live on, keep the pipe open and write to it for ever.
 */
static void drain(char type, int *fd)
{
	int length = 0;

	if (*fd < 0)
		return;
	if (!ioctl(*fd, FIONREAD, &length) && length > 0)
		pass_on(type, fd, length < MAX_OUTPUT ? length : MAX_OUTPUT);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Read from the host; only as much as fits, a host that sends ahead has to wait. */
static void read_host(void)
{
	ssize_t n = read(STDIN_FILENO, in + in_used, sizeof(in) - 1 - in_used);

	if (n > 0)
		in_used += n;
	else if (n == 0 || errno != EINTR)
		in_ended = true;
}

static void add_health(void)
{
	end_frame('H', report_health(out + out_used + HEADER, MAX_HEALTH));
}

static void report_end(int status)
{
	const char *name;

	if (WIFEXITED(status)) {
		add_text('X', "exit %d", WEXITSTATUS(status));
		return;
	}
	name = sigabbrev_np(WTERMSIG(status));
	if (name)
		add_text('X', "signal %s", name);
	else
		add_text('X', "signal %d", WTERMSIG(status));
}

static void run(char **argv)
{
	int out_pipe[2], err_pipe[2], pidfd, status, reads = 0;

	if (pipe2(out_pipe, O_CLOEXEC) || pipe2(err_pipe, O_CLOEXEC))
		die("pipe2");
	child = start(argv[0], argv, out_pipe[1], err_pipe[1]);
	close(out_pipe[1]);
	close(err_pipe[1]);
	child_out = out_pipe[0];
	child_err = err_pipe[0];
	if (child < 0) {
		add_text('E', "agent: cannot run %.100s: %s\n", argv[0], strerror(errno));
		add_health();
		add_text('X', "exit 127");
		close(child_out);
		close(child_err);
		flush();
		return;
	}
	pidfd = pidfd_open(child);
	if (pidfd < 0)
		die("pidfd_open");
	for (;;) {
		struct pollfd ready[] = {
			{ in_used < sizeof(in) - 1 ? STDIN_FILENO : -1, POLLIN, 0 },
			{ child_out, POLLIN, 0 },
			{ child_err, POLLIN, 0 },
			{ pidfd, POLLIN, 0 },
		};
		int n = poll(ready, 4, out_used ? HELD_MS : -1);

		if (n < 0 && errno != EINTR)
			die("poll");
		if (ready[0].revents) {
			read_host();
			if (in_ended)
				leave(0);
		}
		if (ready[3].revents)
			break;
		if (ready[1].revents)
			pass_on('O', &child_out, MAX_OUTPUT);
		if (ready[2].revents)
			pass_on('E', &child_err, MAX_OUTPUT);
		if (n == 0 || out_used >= MAX_HELD || ++reads >= HELD_READS) {
			flush();
			reads = 0;
		}
	}
	close(pidfd);
	waitpid(child, &status, 0);
	child = 0;
	drain('O', &child_out);
	drain('E', &child_err);
	add_health();
	report_end(status);
	flush();
}

/* Wait for a whole frame; its payload is at in + HEADER. False when the host is gone. */
static bool next_command(uint32_t *length)
{
	const unsigned char *header = (unsigned char *)in;

	for (;;) {
		if (in_used >= HEADER) {
			*length = (uint32_t)header[1] << 24 | header[2] << 16 | header[3] << 8 |
				  header[4];
			if (in[0] != 'R' || *length > MAX_COMMAND) {
				errno = EPROTO;
				die("not a command");
			}
			if (in_used >= HEADER + *length)
				return true;
		}
		if (in_ended)
			return false;
		read_host();
	}
}

int serve(void)
{
	static char command[MAX_COMMAND + 1];
	char *argv[MAX_ARGS + 1];
	uint32_t length;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		die("/dev/null");
	/* A host that is gone is seen by write(). */
	signal(SIGPIPE, SIG_IGN);
	start_health();
	while (next_command(&length)) {
		int n = 0;

		memcpy(command, in + HEADER, length);
		command[length] = '\0';
		in_used -= HEADER + length;
		memmove(in, in + HEADER + length, in_used);
		for (char *at = command; at <= command + length; at += strlen(at) + 1) {
			if (n == MAX_ARGS) {
				errno = E2BIG;
				die("not a command");
			}
			argv[n++] = at;
		}
		argv[n] = NULL;
		run(argv);
	}
	return 0;
}
