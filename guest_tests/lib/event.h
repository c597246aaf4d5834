/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of a uffd that are no page faults: FORK, REMAP, REMOVE, UNMAP. */
#ifndef UFFD_TEST_EVENT_H
#define UFFD_TEST_EVENT_H

#include "uffd_test.h"

/* A message must come, and is left unread. */
#define EXPECT_UNREAD(uffd, ...) expect_unread_at(__FILE__, __LINE__, uffd, __VA_ARGS__)
void expect_unread_at(const char *file, int line, int uffd, const char *fmt, ...)
	__printf(4, 5);
/* The next message must be this event, with zeros where it has no meaning. */
#define EXPECT_FORK(uffd) expect_fork_at(__FILE__, __LINE__, uffd)
int expect_fork_at(const char *file, int line, int uffd);	/* the child's uffd */
#define EXPECT_REMAP(uffd, from, to, len)					\
	expect_remap_at(__FILE__, __LINE__, uffd, from, to, len)
void expect_remap_at(const char *file, int line, int uffd, const void *from, const void *to,
		     size_t len);
#define EXPECT_REMOVE(uffd, start, len)						\
	expect_range_at(__FILE__, __LINE__, uffd, UFFD_EVENT_REMOVE, start, len)
#define EXPECT_UNMAP(uffd, start, len)						\
	expect_range_at(__FILE__, __LINE__, uffd, UFFD_EVENT_UNMAP, start, len)
void expect_range_at(const char *file, int line, int uffd, unsigned int event,
		     const void *start, size_t len);

#endif
