// SPDX-License-Identifier: GPL-2.0-only
/* KSM merges the copies that a private mapping has made, and never the file's own pages. */
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"
#include "lib/pending.h"

#ifndef MADV_MERGEABLE
#define MADV_MERGEABLE 12
#endif

static const char folder[] = "/sys/kernel/mm/ksm";

static void ksm_write(const char *name, const char *text)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", path);
	SETUP(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write '%s' to %s", text, path);
	close(fd);
}

static long ksm_scans(void)
{
	char path[96];
	long value;
	FILE *f;

	snprintf(path, sizeof(path), "%s/full_scans", folder);
	f = fopen(path, "re");
	SETUP(f, "open %s", path);
	SETUP(fscanf(f, "%ld", &value) == 1, "read %s", path);
	fclose(f);
	return value;
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
	long scans;
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
	ksm_write("sleep_millisecs", "0");
	ksm_write("pages_to_scan", "1000");
	ksm_write("run", "1");
	for (int waited = 0; waited < patience_ms() && !both; waited += 5) {
		sleep_ms(5);
		both = merged(r.u + 4 * r.page) && merged(r.u + 5 * r.page);
	}
	/* What is merged is so on the second scan; give the others as many again. */
	scans = ksm_scans();
	for (int waited = 0; waited < patience_ms() && ksm_scans() < scans + 3; waited += 5)
		sleep_ms(5);
	EXPECT(both, "KSM has not merged two anonymous copies that are alike (full scans: %ld)",
	       ksm_scans());
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
	ksm_write("run", "2");
	EXPECT_EQ(find_mismatch(r.u + 4 * r.page, r.page, 0, 1), -1, "first wrong byte of a copy");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, pool_now(), "KSM");
}
