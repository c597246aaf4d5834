// SPDX-License-Identifier: GPL-2.0-only
/* The other resolvers on a minor fault: which of them refuse, and which do not. */
#include "lib/pending.h"

CASE(copy_refused_on_shared,
     DESC("COPY on a minor fault of a shared mapping: EEXIST, nothing changed, nobody woken")
     ROWS("RES-01")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct region r = region_make(1);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_ERR(uffd_copy(p.uffd, r.u, new_page(&r), r.page), EEXIST, "UFFDIO_COPY");
	expect_still_pending(&p, "UFFDIO_COPY");
}

CASE(copy_works_on_private,
     DESC("COPY on a minor fault of a private mapping: 0, U has the data, A keeps its own")
     ROWS("RES-02")
     MEMORY("hugetlb-private shmem-private" SIZES_PRIVATE))
{
	struct region r = region_make(1);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_OK(uffd_copy(p.uffd, r.u, new_page(&r), r.page), (int64_t)r.page, "UFFDIO_COPY");
	EXPECT_SEEN(&p.t, &r, 0, 9);
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 1), -1, "first byte of A changed by UFFDIO_COPY");
}

CASE(zeropage_refused,
     DESC("ZEROPAGE on hugetlb: EINVAL, nothing changed, nobody woken")
     ROWS("RES-05")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	struct region r = region_make(1);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_ERR(uffd_zeropage(p.uffd, r.u, r.page), EINVAL, "UFFDIO_ZEROPAGE");
	expect_still_pending(&p, "UFFDIO_ZEROPAGE");
}

CASE(zeropage_refused_on_shared,
     DESC("ZEROPAGE on a minor fault of shared shmem: EEXIST, nothing changed, nobody woken")
     ROWS("RES-03")
     MEMORY("shmem-shared"))
{
	struct region r = region_make(2);
	struct pending p;

	fill_a(&r, 1, 1);
	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_ERR(uffd_zeropage(p.uffd, r.u, r.page), EEXIST, "UFFDIO_ZEROPAGE");
	EXPECT_ERR(uffd_zeropage(p.uffd, r.u, r.len), EEXIST, "UFFDIO_ZEROPAGE of two pages");
	EXPECT_ERR(uffd_zeropage(p.uffd, r.u + r.page, r.page), EEXIST,
		   "UFFDIO_ZEROPAGE of a page that nobody waits for");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 0, "pages that are mapped");
	expect_still_pending(&p, "UFFDIO_ZEROPAGE");
}

CASE(zeropage_works_on_private,
     DESC("ZEROPAGE on a minor fault of private shmem: 0 and a wake, U is zeros, A as it was")
     ROWS("RES-04")
     MEMORY("shmem-private"))
{
	struct region r = region_make(2);
	char *zeros = calloc(1, r.page);
	struct pending p;
	struct toucher t;

	SETUP(zeros, "calloc");
	fill_a(&r, 1, 1);
	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_OK(uffd_zeropage(p.uffd, r.u, r.len), (int64_t)r.len, "UFFDIO_ZEROPAGE");
	EXPECT_FINISHED(&p.t, "UFFDIO_ZEROPAGE of the page");
	EXPECT_EQ(memcmp(p.t.copy, zeros, r.page), 0, "what the waiter read");
	touch_start_page(&t, &r, 1);
	EXPECT_FINISHED(&t, "read of the other page");
	EXPECT_EQ(memcmp(t.copy, zeros, r.page), 0, "the other page");
	touch_start_write(&t, r.u + 5, 0x5a);
	EXPECT_FINISHED(&t, "write to a page of zeros");
	EXPECT_NO_MSG(p.uffd, "after UFFDIO_ZEROPAGE");
	EXPECT_EQ((unsigned char)r.u[5], 0x5a, "U after the write");
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 1), -1, "first byte of A that changed");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "the same in page 1");
}

CASE(writeprotect_refused,
     DESC("WRITEPROTECT where WP is not registered: refused, nothing changed, nobody woken")
     ROWS("RES-06")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	int want = expected_errno("RES-06");
	struct region r = region_make(1);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_ERRNO(uffd_writeprotect(p.uffd, r.u, r.page, 0), want,
		     "UFFDIO_WRITEPROTECT with mode 0");
	EXPECT_ERRNO(uffd_writeprotect(p.uffd, r.u, r.page, UFFDIO_WRITEPROTECT_MODE_WP), want,
		     "UFFDIO_WRITEPROTECT with MODE_WP");
	expect_still_pending(&p, "UFFDIO_WRITEPROTECT");
}

CASE(writeprotect_resolves_nothing,
     DESC("WRITEPROTECT on MINOR and WP: 0 and a wake, then the same minor fault again")
     ROWS("RES-07")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	struct region r = region_make(1);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR | MODE_WP);
	EXPECT_ERRNO(uffd_writeprotect(p.uffd, r.u, r.page, 0), 0,
		     "UFFDIO_WRITEPROTECT with mode 0");
	EXPECT_MSG(p.uffd, FLAG_MINOR, r.u);
	p.nap = EXPECT_ASLEEP(&p.t, "after the second message");
	expect_still_pending(&p, "UFFDIO_WRITEPROTECT");
}

CASE(copy_fills_holes_only,
     DESC("MISSING and MINOR: COPY gives EEXIST on a present page, 0 on a hole, seen in A")
     ROWS("RES-14")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct region r = region_make(2);
	struct toucher t;
	char *page;
	int uffd;

	fill_a(&r, 1, 1);
	page = new_page(&r);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	EXPECT_ERR(uffd_copy(uffd, r.u + r.page, page, r.page), EEXIST,
		   "UFFDIO_COPY on a present page");
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, 0, r.u);
	EXPECT_OK(uffd_copy(uffd, r.u, page, r.page), (int64_t)r.page, "UFFDIO_COPY on a hole");
	EXPECT_SEEN(&t, &r, 0, 9);
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 9), -1, "first byte of A that is not the copy");
}

CASE(continue_ends_missing_fault,
     DESC("a missing fault: CONTINUE gives EFAULT, and 0 once A has made the page")
     ROWS("RES-15")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	struct toucher t;
	struct nap nap;

	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, 0, r.u);
	nap = EXPECT_ASLEEP(&t, "missing fault");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EFAULT, "UFFDIO_CONTINUE of a hole");
	EXPECT_UNWOKEN(&t, nap, "missing fault not resolved");
	fill_a(&r, 0, 4);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE once the page is there");
	EXPECT_SEEN(&t, &r, 0, 4);
}
