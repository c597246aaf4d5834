/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds a page: the pool of huge pages, and the references to the pages of a memfd.
 *
 * F_SEAL_WRITE is granted when nobody can write to the file any more.  For that the kernel
 * compares each page's reference count with its mappings and the page cache (mm/memfd.c,
 * memfd_wait_for_pins; since 3.17, hugetlbfs 4.16), and gives EBUSY when there is one too
 * many, or one too few.
 */
#ifndef UFFD_TEST_HELD_H
#define UFFD_TEST_HELD_H

#include "uffd_test.h"

struct pool {			/* huge pages */
	long nr, free, reserved, surplus;
};

/* Of the size of this case's pages; all 0 when its memory is not hugetlb. */
struct pool pool_now(void);

#define EXPECT_POOL(want, ...) expect_pool_at(__FILE__, __LINE__, want, __VA_ARGS__)
void expect_pool_at(const char *file, int line, struct pool want, const char *fmt, ...)
	__printf(4, 5);

/*
 * Unmap U and A: now only the page cache may hold the file's pages.  Then close the file: the
 * pool must be as it was @before the region was made.
 */
#define EXPECT_NOTHING_HELD(r, before, ...)					\
	expect_nothing_held_at(__FILE__, __LINE__, r, before, __VA_ARGS__)
void expect_nothing_held_at(const char *file, int line, const struct region *r,
			    struct pool before, const char *fmt, ...) __printf(5, 6);

/* A line of /proc/PID/status or /proc/meminfo, in bytes; @pid 0: this process. */
uint64_t status_bytes(pid_t pid, const char *key);
uint64_t meminfo_bytes(const char *key);

#endif
