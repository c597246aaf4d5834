/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child process that does what it is told, one thing after the other, and tells what came of
 * it.  What it says is data: this process alone decides what is wrong.
 */
#ifndef UFFD_TEST_CHILD_H
#define UFFD_TEST_CHILD_H

#include "caller.h"

struct child {
	pid_t pid;		/* once it is born */
	struct caller birth;	/* the thread of this process that forks */
	int orders[2];		/* a pipe */
	bool shares_files;	/* its descriptors are this process's */
	unsigned int given;
	struct child_answer {	/* in memory that all processes share */
		atomic_uint given;
		long ret;		/* of the last order */
		int err;
		int signal;		/* that it raised instead; 0 when none */
		ssize_t mismatch;	/* of a page read: as find_mismatch() has it */
	} *answer;
};

/* To be called before the fork, of a grandchild too. */
void child_prepare(struct child *c);
/* Begin a fork, with @flags of clone(2); child_born() takes what it returns. */
void child_start(struct child *c, unsigned int flags);
void child_born(struct child *c);
/* Both, where nothing is in the way. */
void child_make(struct child *c);

/* Orders; none of them waits for its end. */
void child_read_page(struct child *c, const struct region *r, size_t page, unsigned int version);
void child_write(struct child *c, char *addr, unsigned char value);
void child_fork(struct child *c, struct child *grandchild);
void child_call_args(struct child *c, const long args[7]);
#define child_call(c, ...) child_call_args(c, (const long[7]){ __VA_ARGS__ })

/* It must not have done the last one, and sleep. */
#define EXPECT_CHILD_WAITS(c, ...) expect_child_waits_at(__FILE__, __LINE__, c, __VA_ARGS__)
void expect_child_waits_at(const char *file, int line, struct child *c, const char *fmt, ...)
	__printf(4, 5);
/* It must do it, without a signal; of a page read, it must have seen that version. */
#define EXPECT_CHILD_DONE(c, ...) expect_child_done_at(__FILE__, __LINE__, c, __VA_ARGS__)
void expect_child_done_at(const char *file, int line, struct child *c, const char *fmt, ...)
	__printf(4, 5);
/* Its call must have returned that, without a message on @uffd. */
#define EXPECT_CHILD_AT_ONCE(c, uffd, ret, err, ...)				\
	expect_child_at_once_at(__FILE__, __LINE__, c, uffd, ret, err, __VA_ARGS__)
void expect_child_at_once_at(const char *file, int line, struct child *c, int uffd, long ret,
			     int err, const char *fmt, ...) __printf(7, 8);

/* End it, and wait for that. */
void child_end(struct child *c);

#endif
