// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts the SSH server, then listens on the console for the line that renews what clones of one
 * saved VM must not share (Keys.renewal in harness/guest/keys.py):
 *	renew TOKEN UNIX_NS SEED_HEX HOSTNAME HOST_KEY_HEX AUTHORIZED_HEX
 * and before it, so that this takes less time in every clone, for
 *	prepare TOKEN
 * and at any time, to tell whether anybody is there, for
 *	ping TOKEN
 * and, to learn how slow the kernel is, for
 *	measure TOKEN
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define MAX_LINE	4096	/* N_TTY_BUF_SIZE: the kernel takes no longer ones */

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
	return key_sshd(sshd, word[3], host_key);
}

static void obey(char *line, char **sshd)
{
	unsigned long long kernel, program;
	char *word[8], *rest = line, *next;
	const char *wrong = NULL, *done;
	int n = 0;

	while (n < 8 && (next = strsep(&rest, " ")))
		word[n++] = next;
	/* The kernel's console has other readers' noise and the host's mistakes. */
	if (n == 2 && !strcmp(word[0], "ping")) {
		done = "alive";
	} else if (n == 2 && !strcmp(word[0], "measure")) {
		if (!measure_speed(&kernel, &program)) {
			say("trouble: measure: %s", strerror(errno));
			return;
		}
		say("stage measured %.64s %llu %llu", word[1], kernel, program);
		return;
	} else if (n == 2 && !strcmp(word[0], "prepare")) {
		done = "prepared";
		wrong = prepare_sshd(sshd);
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

int console(char **sshd)
{
	static char line[MAX_LINE];
	const char *wrong;
	ssize_t n;
	int fd;

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
