// SPDX-License-Identifier: GPL-2.0-only
/* Live migration of a guest whose memory is a few huge pages of 1 GiB. */
#include "lib/uffd_test.h"

CASE(giant_pages_migrate,
     DESC("1 GiB pages: pre-copy, fault, update through A, CONTINUE; another without a fault")
     ROWS("E2E-12")
     MEMORY("hugetlb-shared-1G")
     TIMEOUT(20))
{
	struct region r = region_make(2);
	long free_pages;
	struct toucher t;
	int uffd;

	EXPECT_EQ(r.page, 1 << 30, "size of a page");
	/* Pre-copy, partly before the registration. */
	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	fill_a(&r, 1, 1);
	fill_a(&r, 1, 2);
	free_pages = hugepages("free", r.page);
	EXPECT_QUIET(uffd, "pre-copy through A");

	/* Resume: a guest thread is first, at the end of the page. */
	touch_start(&t, TOUCH_READ, r.u + r.page - 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_BLOCKED(&t, "stale page");
	fill_a(&r, 0, 3);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 3);
	EXPECT_READABLE(&r, 0, 3);

	/* The background pass is first. */
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE without a fault");
	EXPECT_READABLE(&r, 1, 2);
	touch_start_write(&t, r.u + r.page + r.page / 2 + 5, 0x42);
	EXPECT_FINISHED(&t, "write to a page that is mapped");
	EXPECT_EQ((unsigned char)r.a[r.page + r.page / 2 + 5], 0x42, "A after the write to U");

	for (size_t i = 0; i < r.pages; i++)
		EXPECT_ERR(uffd_continue(uffd, r.u + i * r.page, r.page, 0), EEXIST,
			   "UFFDIO_CONTINUE of page %zu again", i);
	EXPECT_QUIET(uffd, "touches of pages that are mapped");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "faults in fdinfo at the end");
	EXPECT_EQ(hugepages("free", r.page), free_pages, "free huge pages at the end");
}
