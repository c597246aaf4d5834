/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The harness's hand inside the guest, one program in two places:
 *
 *	/init		PID 1 of every guest: boot.c, then console.c in a child of it
 *	agent serve	what harness/guest/agent.py starts over SSH: serve.c
 *
 * One program, because the kernel unpacks all that is in the image at each boot, and a second
 * one takes 10 ms of an emulated CPU to start.
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <sys/types.h>

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))

/* boot.c: mount, load modules, bring up the network, start console() and reap for ever. */
int boot(void);

/* console.c: start the SSH server argv[0], then do what the console's lines say, for ever. */
int console(char **sshd);

/*
 * sshd.c. Each returns NULL, or what went wrong, with errno.
 * start_sshd(): it listens; prepare_sshd(): it waits for its key; key_sshd(): with this key.
 */
const char *start_sshd(char **argv);
const char *prepare_sshd(char **argv);
const char *key_sshd(char **argv, const char *key, int length);
/* Write a file anew that only root can read. */
const char *write_file(const char *path, const char *data, int length);

/* serve.c: run commands for the host, until it goes. */
int serve(void);

/* health.c: write at most size bytes, a line "NAME BEFORE AFTER" for each counter. */
#define MAX_HEALTH	4096
void start_health(void);
int report_health(char *text, int size);

/* speed.c: measure some of the kernel's work, and some of a program's own. */
bool measure_speed(unsigned long long *kernel, unsigned long long *program);

/* process.c */
extern int null_fd;
int pidfd_open(pid_t pid);
bool write_all(int fd, const char *data, size_t length);
pid_t start(const char *path, char **argv, int out, int err);
/* A line "harness: ..." on the console and in the kernel's log (harness/machine/boot.py). */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);

#endif
