/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that walk over U's pages in orders of their own, and threads that read a uffd's
 * messages.  One that does not come back is reported with the page where it is: a wake-up that
 * was lost is no time-out of the case.
 */
#ifndef UFFD_TEST_CREW_H
#define UFFD_TEST_CREW_H

#include "uffd_test.h"

#define MAX_CREW 16

struct crew;

struct member {
	struct crew *crew;
	size_t number;
	unsigned int seed;
	_Atomic(ssize_t) at;		/* the page that it touches; -1 between two */
	atomic_uint visits;		/* that are over */
	_Atomic(pid_t) tid;
	atomic_bool done;
	pthread_t thread;
};

struct crew {
	const struct region *r;
	/* For each page: look at it through @member's eyes.  NULL: it must be version 1. */
	void (*visit)(struct member *member, size_t page);
	void *arg;			/* the case's own */
	unsigned int walks;		/* over all pages; 0: until crew_stop() */
	size_t n;
	size_t abreast;			/* so many walk in the same order; 0: each in its own */
	struct member member[MAX_CREW];
	atomic_bool stop;
};

/* Start @crew->n threads. */
void crew_start(struct crew *crew);
void crew_stop(struct crew *crew);	/* they end behind the page they are at */
/*
 * All of them must end.  When nothing moves any more, the text and where the first one is are
 * the message.
 */
#define EXPECT_CREW_ENDS(crew, ...) expect_crew_ends_at(__FILE__, __LINE__, crew, __VA_ARGS__)
void expect_crew_ends_at(const char *file, int line, struct crew *crew, const char *fmt, ...)
	__printf(4, 5);
/* Samples all over the page must be that version, and of it only. */
void expect_version_seen(const struct member *member, size_t page, unsigned int version);

/* ---- who reads the messages -------------------------------------------------------- */

struct manager {
	int uffd;
	void (*handle)(void *arg, const struct uffd_msg *msg);
	void *arg;
	int stop[2];			/* a pipe */
	pthread_t thread;
	atomic_uint messages;
};

/* Hand every message of @uffd to @handle, in a thread of its own. */
void manager_start(struct manager *m, int uffd,
		   void (*handle)(void *arg, const struct uffd_msg *msg), void *arg);
/* It reads what is there, and ends. */
void manager_stop(struct manager *m);
/* Number of the page of @r that a page fault's message is for; it must be one. */
size_t page_of(const struct region *r, const struct uffd_msg *msg);

#endif
