// SPDX-License-Identifier: GPL-2.0-only
/* KSM merges the copies that a private mapping has made, and never the file's own pages. */
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"
#include "lib/pending.h"

#ifndef MADV_MERGEABLE
#define MADV_MERGEABLE 12
#endif

#define KSM "/sys/kernel/mm/ksm/"

static uint64_t ksm_scans(void)
{
	return number_in(KSM "full_scans");
}

static bool merged(const void *at)
{
	return page_flags(at) & PAGE_IS_KSM;
}

CASE(ksm_leaves_the_file_alone,
     DESC("KSM over a private MINOR range: it merges the copies, not the pages of the file")
     ROWS("INT-31")
     MEMORY("shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     TIMEOUT(20))
{
	struct region r = region_make(8);
	bool both = false;
	struct toucher t;
	uint64_t scans;
	int uffd;

	/* All of them are alike: nothing but what they are keeps them apart. */
	for (size_t i = 0; i < 7; i++)
		fill_page(r.a + i * r.page, r.page, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	SETUP(!madvise(r.u, r.len, MADV_MERGEABLE), "MADV_MERGEABLE");
	EXPECT_OK(uffd_continue(uffd, r.u, 6 * r.page, 0), 6 * (int64_t)r.page, "UFFDIO_CONTINUE");
	/* Pages 4 and 5 are copied: anonymous, and again alike. */
	for (size_t i = 4; i < 6; i++) {
		char *at = r.u + i * r.page;

		touch_start_write(&t, at, (unsigned char)*at);
		EXPECT_FINISHED(&t, "a private copy");
		EXPECT(pagemap_frame(at) != pagemap_frame(r.a + i * r.page), "page %zu is no copy", i);
	}
	write_to("0", KSM "sleep_millisecs");
	write_to("1000", KSM "pages_to_scan");
	write_to("1", KSM "run");
	for (int waited = 0; waited < patience_ms() && !both; waited += 5) {
		sleep_ms(5);
		both = merged(r.u + 4 * r.page) && merged(r.u + 5 * r.page);
	}
	/* What is merged is so on the second scan; give the others as many again. */
	scans = ksm_scans();
	for (int waited = 0; waited < patience_ms() && ksm_scans() < scans + 3; waited += 5)
		sleep_ms(5);
	EXPECT(both, "KSM has not merged two anonymous copies that are alike (full scans: %llu)",
	       (unsigned long long)ksm_scans());
	EXPECT_EQ(pagemap_frame(r.u + 4 * r.page), pagemap_frame(r.u + 5 * r.page),
		  "page frame of one merged copy and of the other");
	for (size_t i = 0; i < 4; i++) {
		EXPECT(!merged(r.u + i * r.page), "page %zu of the file was merged", i);
		EXPECT_EQ(pagemap_frame(r.u + i * r.page), pagemap_frame(r.a + i * r.page),
			  "page frame of U's page %zu and of A's", i);
	}
	EXPECT_EQ(pages_mapped(r.u + 6 * r.page, r.page, 1), 0, "unresolved pages that are mapped");
	touch_start(&t, TOUCH_READ, r.u + 6 * r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 6 * r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + 6 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE under KSM");
	EXPECT_FINISHED(&t, "page 6 resolved");
	/* 2: stop, and undo what was merged. */
	write_to("2", KSM "run");
	EXPECT_EQ(find_mismatch(r.u + 4 * r.page, r.page, 0, 1), -1, "first wrong byte of a copy");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, pool_now(), "KSM");
}
