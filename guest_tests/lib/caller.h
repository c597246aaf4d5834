/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls that may have to wait: each is made by a thread of its own. */
#ifndef UFFD_TEST_CALLER_H
#define UFFD_TEST_CALLER_H

#include "asleep.h"

struct caller {
	long args[7];		/* the call's number and arguments */
	void (*in_child)(void *);	/* where the child goes on, of a call that forks */
	void *child;
	long ret;		/* what it returned, and errno when that is -1; valid once done */
	int err;
	_Atomic(pid_t) tid;
	atomic_bool done;
	pthread_t thread;
};

/* call_start(&c, SYS_munmap, (long)start, len) */
#define call_start(c, ...) call_start_args(c, (const long[7]){ __VA_ARGS__ })
void call_start_args(struct caller *c, const long args[7]);
/*
 * A fork, with @flags of clone(2); past the C library, whose locks must not be held while the
 * event waits to be read.
 */
void call_start_fork(struct caller *c, unsigned int flags, void (*in_child)(void *), void *child);

/* It must come to sleep in the kernel, in one of @states. */
#define EXPECT_WAITING(c, states, ...)						\
	expect_waiting_at(__FILE__, __LINE__, c, states, __VA_ARGS__)
struct nap expect_waiting_at(const char *file, int line, struct caller *c, const char *states,
			     const char *fmt, ...) __printf(5, 6);
/* It must sleep still, and not have been woken since. */
#define EXPECT_STILL_WAITING(c, nap, ...)					\
	expect_still_waiting_at(__FILE__, __LINE__, c, nap, __VA_ARGS__)
void expect_still_waiting_at(const char *file, int line, struct caller *c, struct nap nap,
			     const char *fmt, ...) __printf(5, 6);
/* It must return @ret; -1 with the errno @err. */
#define EXPECT_RETURNED(c, ret, err, ...)					\
	expect_returned_at(__FILE__, __LINE__, c, ret, err, __VA_ARGS__)
void expect_returned_at(const char *file, int line, struct caller *c, long ret, int err,
			const char *fmt, ...) __printf(6, 7);
/* It must do so without a message for it on @uffd. */
#define EXPECT_AT_ONCE(c, uffd, ret, err, ...)					\
	expect_at_once_at(__FILE__, __LINE__, c, uffd, ret, err, __VA_ARGS__)
void expect_at_once_at(const char *file, int line, struct caller *c, int uffd, long ret, int err,
		       const char *fmt, ...) __printf(7, 8);
/* It must return, without an error: what. */
#define EXPECT_SUCCESS(c, ...) expect_success_at(__FILE__, __LINE__, c, __VA_ARGS__)
long expect_success_at(const char *file, int line, struct caller *c, const char *fmt, ...)
	__printf(4, 5);

/* A call @name for @n pages of @r from @first on, none of them resolved. */
struct walk {
	const struct region *r;
	size_t first, n;
	size_t other;		/* a page that is none of its business */
	uint64_t flags;		/* of its messages */
	const char *name;
};
/* It must wait for each page in turn, with a message for that page only, until CONTINUE. */
#define EXPECT_WAITS_FOR_EACH(c, uffd, ...)					\
	expect_waits_for_each_at(__FILE__, __LINE__, c, uffd, (struct walk)__VA_ARGS__)
void expect_waits_for_each_at(const char *file, int line, struct caller *c, int uffd,
			      struct walk walk);

#endif
