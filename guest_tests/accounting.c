// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is leaked: the first version of the commit kept a reference to the page for as
 * long as the fault waited ("fix minor fault page leak" in its message).
 */
#include "lib/held.h"

CASE(waiting_fault_holds_nothing,
     DESC("between fault and CONTINUE no counter moves: free, reserved, kpagecount")
     ROWS("ACC-01")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared" SIZES_SHARED SIZES_PRIVATE SIZE_1G)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(1);
	struct pool before;
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	before = pool_now();
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount with A only");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_BLOCKED(&t, "not resolved yet");
	EXPECT_POOL(before, "the fault");
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount after the fault");
}

CASE(continue_takes_no_page,
     DESC("CONTINUE changes neither the free nor the reserved huge pages")
     ROWS("ACC-02")
     MEMORY("hugetlb-shared hugetlb-private" SIZES_SHARED SIZES_PRIVATE SIZE_1G)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	struct pool before;
	int uffd;

	fill_all(&r, 1);
	before = pool_now();
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	EXPECT_POOL(before, "UFFDIO_CONTINUE");
}

CASE(mapcount_follows,
     DESC("kpagecount: 1, with CONTINUE 2, with MADV_DONTNEED 1; close of the uffd keeps 2")
     ROWS("ACC-03")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED
	    SIZES_PRIVATE SIZE_1G)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(1);
	int uffd;

	fill_a(&r, 0, 1);
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount with A only");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_EQ(page_mapcount(r.a), 2, "kpagecount after UFFDIO_CONTINUE");
	SETUP(!madvise(r.u, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount after MADV_DONTNEED");
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE again");
	close(uffd);
	EXPECT_EQ(page_mapcount(r.a), 2, "kpagecount after close of the uffd");
}

CASE(cycles_leak_nothing,
     DESC("300 times fault, CONTINUE, MADV_DONTNEED: counters as before, the pages come back")
     ROWS("ACC-08")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     TIMEOUT(30))
{
	struct pool first = pool_now(), before;
	struct region r = region_make(1);
	int uffd;

	fill_a(&r, 0, 1);
	before = pool_now();
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (int i = 0; i < 300; i++) {
		struct toucher t;

		touch_start(&t, TOUCH_READ, r.u);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u);
		EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0,
			     "UFFDIO_CONTINUE, cycle %d", i);
		EXPECT_SEEN(&t, &r, 0, 1);
		/* A wake for nobody must not cost anything either. */
		if (i % 3 == 0)
			EXPECT_ERRNO(uffd_wake(uffd, r.u, r.page), 0, "UFFDIO_WAKE, cycle %d", i);
		SETUP(!madvise(r.u, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	}
	EXPECT_POOL(before, "300 cycles");
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount after 300 cycles");

	close(uffd);
	EXPECT_NOTHING_HELD(&r, first, "300 cycles");
}

CASE(unmap_gives_back,
     DESC("unmapping everything gives back every huge page, resolved or still waiting for")
     ROWS("ACC-11")
     MEMORY("hugetlb-shared hugetlb-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct pool first = pool_now();
	struct region r = region_make(3);
	struct toucher t, written;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_ERRNO(uffd_continue(uffd, r.u + r.page, r.page, 0), 0, "UFFDIO_CONTINUE");
	touch_start_write(&written, r.u + r.page, 1);
	EXPECT_FINISHED(&written, "write to a resolved page");
	close(uffd);
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT_NOTHING_HELD(&r, first, "a fault, CONTINUE and a write");
}
