// SPDX-License-Identifier: GPL-2.0-only
/*
 * The use case of the commit's message: post-copy live migration.  U is the guest's memory
 * on the target, A is how the target's manager fills it.  migration_live.c has all of it at once.
 */
#include "lib/uffd_test.h"

CASE(precopy_is_silent,
     DESC("pre-copy through A, as often as one likes: no message; the last version counts")
     ROWS("E2E-01 E2E-02")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);		/* page 1 is first filled after the registration */
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	for (unsigned int version = 2; version <= 4; version++) {
		fill_a(&r, 0, version);
		fill_a(&r, 1, version);
	}
	EXPECT_QUIET(uffd, "pre-copy through A");
	for (size_t page = 0; page < r.pages; page++) {
		touch_start_page(&t, &r, page);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + page * r.page);
		EXPECT_ERRNO(uffd_continue(uffd, r.u + page * r.page, r.page, 0), 0,
			     "UFFDIO_CONTINUE");
		EXPECT_SEEN(&t, &r, page, 4);
	}
}

CASE(close_leaves_plain_memory,
     DESC("closing the uffd at the end: pages never resolved are read without an event")
     ROWS("E2E-09")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	int uffd;

	fill_all(&r, 5);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, 2 * r.page, 0), 0, "UFFDIO_CONTINUE of two pages");
	close(uffd);
	EXPECT(!vma_has_flag(r.u, "ui"), "VmFlags has ui after close of the uffd");
	for (size_t page = 0; page < r.pages; page++)
		EXPECT_READABLE(&r, page, 5);
}

CASE(forgotten_page_is_silent,
     DESC("MINOR only: a page the pre-copy forgot reads as zeros without any message")
     ROWS("E2E-11")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_FINISHED(&t, "page that was forgotten");
	EXPECT_EQ(t.seen, 0, "byte of a page that was forgotten");
	EXPECT_QUIET(uffd, "touch of a page that was forgotten");
}
