// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harness's hand inside the guest.
 *
 *	agent serve
 *		Runs commands one after the other for harness/guest/agent.py, which
 *		starts it over SSH. Both directions carry frames of one byte type, four
 *		bytes length (big endian) and so many bytes:
 *		R  to the guest: run this, the arguments are separated by NUL
 *		O  from the guest: bytes of standard output, as they come
 *		E  from the guest: bytes of standard error, as they come
 *		H  from the guest, before X: how the kernel is, a line "NAME BEFORE AFTER" for
 *		   each of its counters: its taint, its huge pages, its memory
 *		X  from the guest: it ended, "exit N" or "signal NAME"
 *
 *	agent console SSHD [ARG ...]
 *		Starts the SSH server, then listens on the console for the line that
 *		renews what clones of one saved VM must not share (Keys.renewal in
 *		harness/image/keys.py):
 *		renew TOKEN UNIX_NS SEED_HEX HOSTNAME HOST_KEY_HEX AUTHORIZED_HEX
 *		and before it, so that this takes less time in every clone, for
 *		prepare TOKEN
 *		and at any time, to tell whether anybody is there, for
 *		ping TOKEN
 *		It answers as images/init.c does, through /dev/kmsg.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define HEADER		5
#define MAX_COMMAND	65536	/* bytes of all arguments */
#define MAX_ARGS	1024
/* What a pipe holds: at the end of a command one read of each takes all that is left. */
#define MAX_OUTPUT	65536
#define MAX_HEALTH	4096	/* bytes of all counters' lines */
#define MAX_COUNTERS	40
#define MAX_LINE	4096	/* N_TTY_BUF_SIZE: the kernel takes no longer ones */
#define HOST_KEY	"/etc/dropbear/host_key"

static int null_fd;

static void die(const char *what)
{
	dprintf(STDERR_FILENO, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Since Linux 5.3; a wrapper of it is in glibc only since 2.36. */
static int pidfd_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static bool write_all(int fd, const char *data, size_t length)
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
static pid_t start(const char *path, char **argv, int out, int err)
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

/* ---- serve ------------------------------------------------------------------------------- */

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

/* ---- how the kernel is ------------------------------------------------------------------- */

static struct counter {
	char name[48];
	int fd;
	/* In /proc/meminfo: the line's beginning; NULL for a file with one number in it. */
	const char *line;
	unsigned long before, now;
} counters[MAX_COUNTERS];
static int counter_count;

static void add_counter(const char *name, const char *path, const char *line)
{
	struct counter *c = &counters[counter_count];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (counter_count == MAX_COUNTERS) {
		close(fd);
		return;
	}
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->line = line;
	c->fd = fd;
	counter_count++;
}

/* Open files are read again from the start: half of what opening them each time would take. */
static void open_counters(void)
{
	static const char *const files[] = { "nr", "free", "resv", "surplus" };
	static const char sizes[] = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(sizes);
	struct dirent *entry;

	add_counter("tainted", "/proc/sys/kernel/tainted", NULL);
	while (dir && (entry = readdir(dir))) {
		for (size_t i = 0; i < 4 && entry->d_name[0] != '.'; i++) {
			char path[200], name[48];

			snprintf(path, sizeof(path), "%s/%.32s/%s_hugepages", sizes,
				 entry->d_name, files[i]);
			snprintf(name, sizeof(name), "%.32s.%s", entry->d_name, files[i]);
			add_counter(name, path, NULL);
		}
	}
	if (dir)
		closedir(dir);
	add_counter("AnonPages", "/proc/meminfo", "\nAnonPages:");
	add_counter("Shmem", "/proc/meminfo", "\nShmem:");
}

/* Read all counters; false when one that is not of meminfo is not as it was. */
static bool read_counters(void)
{
	static char meminfo[8192];
	bool same = true;

	meminfo[0] = '\0';
	for (int i = 0; i < counter_count; i++) {
		struct counter *c = &counters[i];
		char number[32], *text = c->line ? meminfo : number;
		size_t room = c->line ? sizeof(meminfo) : sizeof(number);

		/* One read of /proc/meminfo for all of its lines. */
		if (!c->line || !meminfo[0]) {
			ssize_t n = pread(c->fd, text, room - 1, 0);

			text[n > 0 ? n : 0] = '\0';
		}
		if (c->line) {
			text = strstr(meminfo, c->line);
			text = text ? text + strlen(c->line) : "0";
		}
		c->now = strtoul(text, NULL, 10);
		same = same && (c->line || c->now == c->before);
	}
	return same;
}

/*
 * Pages are given back when the last reference goes, which may be some work queue's: what is
 * not as it was gets a moment to become so.
 */
static void add_health(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	char *text = out + out_used + HEADER;
	int n = 0;

	for (int tries = 0; !read_counters() && tries < 50; tries++)
		nanosleep(&pause, NULL);
	for (int i = 0; i < counter_count; i++) {
		struct counter *c = &counters[i];

		n += snprintf(text + n, MAX_HEALTH - n, "%s %lu %lu\n", c->name, c->before,
			      c->now);
		c->before = c->now;
	}
	end_frame('H', n);
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

static int serve(void)
{
	static char command[MAX_COMMAND + 1];
	char *argv[MAX_ARGS + 1];
	uint32_t length;

	/* A host that is gone is seen by write(). */
	signal(SIGPIPE, SIG_IGN);
	open_counters();
	read_counters();
	for (int i = 0; i < counter_count; i++)
		counters[i].before = counters[i].now;
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

/* ---- console ----------------------------------------------------------------------------- */

static int kmsg = -1;

/*
 * One write() is one record of the kernel's log, and only its newline says that it is whole.
 * Not dprintf(): it seeks, which /dev/kmsg refuses.
 */
static void say(const char *fmt, ...)
{
	char text[200], line[256];
	va_list args;
	int n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	n = snprintf(line, sizeof(line), "harness: %s\n", text);
	write_all(kmsg, line, n);
}

/* Decode hex digits in place. Returns the number of bytes, -1 when they are no such thing. */
static int unhex(char *text)
{
	size_t length = strlen(text) / 2;

	if (strlen(text) % 2 || strspn(text, "0123456789abcdef") != strlen(text))
		return -1;
	for (size_t i = 0; i < length; i++) {
		char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

		text[i] = strtoul(digits, NULL, 16);
	}
	return length;
}

/*
 * Make the kernel's random numbers depend on the seed from here on (random(4)): mixing it in
 * alone takes effect whenever the kernel reseeds its generator the next time, which may be
 * minutes away. RNDRESEEDCRNG (since Linux 4.17) does it at once, for all CPUs and for
 * getrandom() in the vDSO; before 5.18 it takes at least 128 credited bits to do so.
 */
static const char *reseed(const char *seed, int length)
{
	struct {
		struct rand_pool_info info;
		char seed[64];
	} entropy = { { .entropy_count = 8 * length, .buf_size = length }, "" };
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	bool failed;

	if (fd < 0)
		return "/dev/urandom";
	memcpy(entropy.info.buf, seed, length);
	failed = ioctl(fd, RNDADDENTROPY, &entropy) || ioctl(fd, RNDRESEEDCRNG);
	close(fd);
	return failed ? "reseed" : NULL;
}

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

static const char *write_file(const char *path, const char *data, int length)
{
	bool failed;
	int fd;

	unlink(path);		/* it may be the pipe of prepare() */
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
static const char *start_sshd(char **argv)
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
static const char *prepare(char **sshd)
{
	const char *wrong = end_all(base_name(sshd[0]));

	if (wrong)
		return wrong;
	unlink(HOST_KEY);
	if (mkfifo(HOST_KEY, 0600))
		return "mkfifo " HOST_KEY;
	standby = run_sshd(sshd);
	if (standby < 0)
		return sshd[0];
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

/*
 * Returns what went wrong, with errno, or NULL. The order matters: first the randomness,
 * and no process that has random numbers from before may live on; keys come with the line.
 */
static const char *renew(char **word, char **sshd)
{
	int64_t ns = strtoll(word[0], NULL, 10);
	struct timespec now = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	int seed = unhex(word[1]), host_key = unhex(word[3]), authorized = unhex(word[4]);
	const char *wrong;

	errno = EINVAL;
	if (ns <= 0 || seed != 32 || host_key <= 0 || authorized <= 0)
		return "the line";
	wrong = reseed(word[1], seed);
	if (wrong)
		return wrong;
	if (clock_settime(CLOCK_REALTIME, &now))
		return "clock_settime";
	if (sethostname(word[2], strlen(word[2])))
		return "sethostname";
	wrong = write_file("/root/.ssh/authorized_keys", word[4], authorized);
	if (wrong)
		return wrong;
	if (standby)
		return wake_sshd(word[3], host_key);
	wrong = end_all(base_name(sshd[0]));
	if (!wrong)
		wrong = write_file(HOST_KEY, word[3], host_key);
	return wrong ? wrong : start_sshd(sshd);
}

static void obey(char *line, char **sshd)
{
	char *word[8], *rest = line, *next;
	const char *wrong = NULL, *done;
	int n = 0;

	while (n < 8 && (next = strsep(&rest, " ")))
		word[n++] = next;
	/* The kernel's console has other readers' noise and the host's mistakes. */
	if (n == 2 && !strcmp(word[0], "ping")) {
		done = "alive";
	} else if (n == 2 && !strcmp(word[0], "prepare")) {
		done = "prepared";
		wrong = prepare(sshd);
	} else if (n == 7 && !strcmp(word[0], "renew")) {
		done = "renewed";
		wrong = renew(word + 2, sshd);
	} else {
		return;
	}
	if (wrong)
		say("trouble: %s: %s: %s", word[0], wrong, strerror(errno));
	else
		say("stage %s %.64s", done, word[1]);
}

/*
 * No echo, no character that means anything but the end of a line, and output as it was. The
 * kernel collects whole lines (ICANON): the UART tells of 8 bytes at a time, and waking the
 * agent for each of them takes twice as long. What does not fit into a line it drops.
 */
static int open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios quiet;

	if (fd < 0)
		return -1;
	if (tcgetattr(fd, &quiet)) {
		close(fd);
		return -1;
	}
	cfmakeraw(&quiet);
	quiet.c_iflag &= ~IMAXBEL;
	quiet.c_oflag |= OPOST;
	quiet.c_lflag |= ICANON;
	memset(quiet.c_cc, _POSIX_VDISABLE, sizeof(quiet.c_cc));
	tcsetattr(fd, TCSANOW, &quiet);
	return fd;
}

static int console(char **sshd)
{
	static char line[MAX_LINE];
	const char *wrong;
	ssize_t n;
	int fd;

	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	/* Before anybody can know that the guest is up: what comes now is not echoed. */
	fd = open_console();
	wrong = start_sshd(sshd);
	if (wrong)
		say("trouble: sshd did not start: %s: %s", wrong, strerror(errno));
	say("stage sshd");
	if (fd < 0)
		say("note: no console to listen on");
	/* One read() is one line, or a part of one that was too long. */
	while (fd >= 0 && (n = read(fd, line, sizeof(line))) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && line[n - 1] == '\n') {
			line[n - 1] = '\0';
			obey(line, sshd);
		}
		/* Keys do not stay in memory. */
		explicit_bzero(line, sizeof(line));
	}
	return 1;
}

int main(int argc, char **argv)
{
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		die("/dev/null");
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc > 2 && !strcmp(argv[1], "console"))
		return console(argv + 2);
	dprintf(STDERR_FILENO, "usage: agent serve | agent console SSHD [ARG ...]\n");
	return 2;
}
