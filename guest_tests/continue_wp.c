// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE and write protection. */
#include "lib/newer.h"
#include "lib/pending.h"

#define WP UFFDIO_CONTINUE_MODE_WP
#define DONTWAKE UFFDIO_CONTINUE_MODE_DONTWAKE

CASE(wp_not_registered,
     DESC("CONTINUE with MODE_WP where WP is not registered: EINVAL, nothing done")
     ROWS("CON-16")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	bool touched = strcmp(expected("CON-16"), "untouched") != 0;
	int64_t out = touched ? -EINVAL : UNTOUCHED;
	struct region r = region_make(2);
	struct pending p;

	fill_a(&r, 1, 1);
	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_OUTCOME(uffd_continue(p.uffd, r.u, r.page, WP), EINVAL, out,
		       "UFFDIO_CONTINUE with MODE_WP");
	EXPECT_OUTCOME(uffd_continue(p.uffd, r.u, r.page, WP | DONTWAKE), EINVAL, out,
		       "UFFDIO_CONTINUE with MODE_WP and DONTWAKE");
	EXPECT_OUTCOME(uffd_continue(p.uffd, r.u, r.len, WP), EINVAL, out,
		       "UFFDIO_CONTINUE with MODE_WP, two pages");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 0, "pages that are mapped");
	expect_still_pending(&p, "UFFDIO_CONTINUE with MODE_WP");
}

/* A write to @offset that must be held by write protection until WRITEPROTECT; then it lands. */
static void expect_write_held(const struct region *r, int uffd, struct toucher *t, size_t offset)
{
	size_t page = offset / r->page;
	char *at = r->u + page * r->page;
	struct nap nap;

	EXPECT_MSG(uffd, FLAG_WP | FLAG_WRITE, at);
	nap = EXPECT_ASLEEP(t, "write-protected");
	EXPECT_EQ(find_mismatch(r->a + page * r->page, r->page, page, 1), -1,
		  "first byte of A that changed though the write waits");
	EXPECT_READABLE(r, page, 1);
	EXPECT_UNWOKEN(t, nap, "another thread reads");
	EXPECT_ERRNO(uffd_writeprotect(uffd, at, r->page, 0), 0, "UFFDIO_WRITEPROTECT, mode 0");
	EXPECT_FINISHED(t, "write protection taken away");
	EXPECT_NO_MSG(uffd, "write protection taken away");
	EXPECT_EQ((unsigned char)r->u[offset], t->value, "U after the write");
	EXPECT_EQ((unsigned char)r->a[offset],
		  memory_is_private() ? pattern_byte(offset % r->page, page, 1) : t->value,
		  "A after the write");
}

CASE(wp_holds_writes,
     DESC("CONTINUE with MODE_WP maps protected: a write waits for WRITEPROTECT, then lands")
     ROWS("CON-17")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	struct region r = region_make(3);
	size_t last = 3 * r.page - 1;
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_WP);

	touch_start_write(&t, r.u + 8, 0xa7);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, WP), (int64_t)r.page,
		  "UFFDIO_CONTINUE with MODE_WP for a write that waits");
	expect_write_held(&r, uffd, &t, 8);

	/* With nobody waiting, several pages at once, the last byte of the last. */
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, 2 * r.page, WP), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE with MODE_WP of two pages");
	EXPECT_READABLE(&r, 1, 1);
	EXPECT_NO_MSG(uffd, "read of a protected page");
	touch_start_write(&t, r.u + last, 0xa7);
	expect_write_held(&r, uffd, &t, last);
	touch_start_write(&t, r.u + r.page, 0xa7);
	expect_write_held(&r, uffd, &t, r.page);
}

CASE(wp_lost,
     DESC("a page protected before it was mapped loses that with a CONTINUE without MODE_WP")
     ROWS("CON-18")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	size_t last = 2 * r.page - 1;
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_WP);
	EXPECT_ERRNO(uffd_writeprotect(uffd, r.u, r.len, UFFDIO_WRITEPROTECT_MODE_WP), 0,
		     "UFFDIO_WRITEPROTECT of pages that are not mapped");
	fill_a(&r, 1, 1);
	fill_a(&r, 2, 1);

	touch_start_write(&t, r.u, 0xa7);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&t, "the write that waited");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of what was a hole");
	EXPECT_READABLE(&r, 1, 1);
	touch_start_write(&t, r.u + last, 0xa7);
	EXPECT_FINISHED(&t, "write to what was a hole");
	EXPECT_NO_MSG(uffd, "writes to pages that were protected");
	for (size_t at = 0; at <= last; at += last) {
		unsigned char old = pattern_byte(at % r.page, at / r.page, 1);

		EXPECT_EQ((unsigned char)r.u[at], 0xa7, "U after the write");
		EXPECT_EQ((unsigned char)r.a[at], memory_is_private() ? old : 0xa7,
			  "A after the write");
	}
}

CASE(wp_marker_refuses_poison,
     DESC("POISON gives EEXIST where a hole was write-protected; CONTINUE works there")
     ROWS("RES-12 CON-18")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR | MODE_WP);
	struct toucher t;

	EXPECT_ERRNO(uffd_writeprotect(uffd, r.u, r.page, UFFDIO_WRITEPROTECT_MODE_WP), 0,
		     "UFFDIO_WRITEPROTECT of a hole");
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	EXPECT_ERR(uffd_poison(uffd, r.u, r.page, 0), EEXIST,
		   "UFFDIO_POISON where a marker is");
	EXPECT_ERR(uffd_poison(uffd, r.u, r.len, 0), EEXIST,
		   "UFFDIO_POISON of two pages, the first with a marker");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	touch_start_write(&t, r.u, 0);
	EXPECT_FINISHED(&t, "write to what was protected");
	EXPECT_NO_MSG(uffd, "write to what was protected");
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
}
