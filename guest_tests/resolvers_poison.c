// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_POISON on pages with minor faults, and what takes it away. */
#include "lib/newer.h"
#include "lib/pending.h"
#include "lib/raised.h"

static void expect_sigbus(const struct region *r, enum touch how, size_t offset)
{
	struct toucher t;

	touch_start(&t, how, r->u + offset);
	EXPECT_RAISED(&t, SIGBUS, "the page is poisoned");
}

/* @pages pages of version 1, all poisoned. */
static int poisoned(const struct region *r)
{
	int uffd;

	fill_all(r, 1);
	uffd = uffd_on(r, 0, MODE_MINOR);
	keep_siginfo();
	EXPECT_OK(uffd_poison(uffd, r->u, r->len, 0), (int64_t)r->len, "UFFDIO_POISON");
	return uffd;
}

CASE(poison,
     DESC("POISON on a minor fault: 0, and SIGBUS in U alone; before 6.6 it is unknown")
     ROWS("RES-08")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	int want = expected_errno("RES-08");
	struct region r = region_make(4);
	struct pending p;

	fill_a(&r, 1, 1);
	fill_a(&r, 2, 1);
	keep_siginfo();
	pending_fault(&p, &r, MODE_MINOR);
	if (want) {
		EXPECT_REFUSED(uffd_poison(p.uffd, r.u, r.page, 0), want, "UFFDIO_POISON");
		expect_still_pending(&p, "UFFDIO_POISON");
		return;
	}
	EXPECT_OK(uffd_poison(p.uffd, r.u, 2 * r.page, UFFDIO_POISON_MODE_DONTWAKE),
		  2 * (int64_t)r.page, "UFFDIO_POISON with DONTWAKE");
	EXPECT_UNWOKEN(&p.t, p.nap, "UFFDIO_POISON with DONTWAKE");
	EXPECT_ERRNO(uffd_wake(p.uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	EXPECT_RAISED(&p.t, SIGBUS, "the waiter of a page that was poisoned");
	expect_sigbus(&r, TOUCH_READ, 2 * r.page - 1);
	expect_sigbus(&r, TOUCH_WRITE, r.page);

	touch_start_write(&p.t, r.u + 2 * r.page, 0);
	EXPECT_MSG(p.uffd, FLAG_MINOR | FLAG_WRITE, r.u + 2 * r.page);
	EXPECT_OK(uffd_poison(p.uffd, r.u + 2 * r.page, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_POISON of a page with a waiter and of a hole");
	EXPECT_RAISED(&p.t, SIGBUS, "the writing waiter of a page that was poisoned");
	expect_sigbus(&r, TOUCH_READ, 3 * r.page);
	EXPECT_NO_MSG(p.uffd, "touches of poisoned pages");
	for (size_t i = 0; i < 3; i++)
		EXPECT_EQ(find_mismatch(r.a + i * r.page, r.page, i, 1), -1,
			  "first byte of A's page %zu that changed", i);
}

CASE(poison_siginfo,
     DESC("the SIGBUS of a poisoned page says where, why, and how large the page is")
     ROWS("RES-09")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	bool memory_failure = !strcmp(expected("RES-09"), "BUS_MCEERR_AR");
	int code = memory_failure ? BUS_MCEERR_AR : BUS_ADRERR;
	int shift = memory_failure ? __builtin_ctzl(region_make(1).page) : 0;
	struct region r = region_make(2);
	const size_t offsets[] = { 0, 1000, r.page - 8, r.page, r.len - 1 };

	poisoned(&r);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(offsets); i++) {
		size_t offset = offsets[i / 2];
		struct toucher t;
		siginfo_t info;

		touch_start(&t, i % 2 ? TOUCH_WRITE : TOUCH_READ, r.u + offset);
		info = EXPECT_RAISED(&t, SIGBUS, "the page is poisoned");
		EXPECT_EQ(info.si_code, code, "si_code of the SIGBUS at U + 0x%zx", offset);
		EXPECT_EQ(info.si_addr_lsb, shift, "si_addr_lsb at U + 0x%zx", offset);
		EXPECT_EQ(info.si_addr == r.u + offset, true, "si_addr is U + 0x%zx", offset);
	}
}

CASE(continue_after_poison,
     DESC("CONTINUE after POISON: 0, and the page can be read again, with A's content")
     ROWS("RES-10")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	int uffd = poisoned(&r);
	struct toucher t;

	expect_sigbus(&r, TOUCH_READ, r.page);
	fill_a(&r, 1, 2);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of a poisoned page");
	EXPECT_READABLE(&r, 1, 2);
	touch_start_write(&t, r.u + r.page, 0);
	EXPECT_FINISHED(&t, "write to what was poisoned");
	EXPECT_NO_MSG(uffd, "touches of what was poisoned");
	expect_sigbus(&r, TOUCH_READ, r.page - 1);
	expect_sigbus(&r, TOUCH_READ, 2 * r.page);
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, r.len, 0), EAGAIN, (int64_t)r.page,
		       "UFFDIO_CONTINUE of a poisoned page and one that is mapped");
	EXPECT_READABLE(&r, 0, 1);
}

CASE(dontneed_after_poison,
     DESC("MADV_DONTNEED takes POISON away: the next touch is an ordinary minor fault")
     ROWS("RES-11")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	int uffd = poisoned(&r);
	struct toucher t;

	expect_sigbus(&r, TOUCH_READ, r.page);
	SETUP(!madvise(r.u + r.page, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	expect_sigbus(&r, TOUCH_READ, 0);
	expect_sigbus(&r, TOUCH_WRITE, r.len - 1);
	EXPECT_NO_MSG(uffd, "touches of poisoned pages");
}

CASE(poison_refused,
     DESC("POISON of a page that is mapped or poisoned: EEXIST, it stays as it was")
     ROWS("RES-12")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(4);
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	keep_siginfo();
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_ERR(uffd_poison(uffd, r.u + r.page, r.page, 0), EEXIST,
		   "UFFDIO_POISON of a mapped page");
	EXPECT_OUTCOME(uffd_poison(uffd, r.u, 3 * r.page, 0), EAGAIN, (int64_t)r.page,
		       "UFFDIO_POISON of a range whose second page is mapped");
	EXPECT_ERR(uffd_poison(uffd, r.u, r.page, 0), EEXIST,
		   "UFFDIO_POISON of a poisoned page");
	EXPECT_ERR(uffd_poison(uffd, r.u, r.len, 0), EEXIST,
		   "UFFDIO_POISON of a range whose first page is poisoned");
	EXPECT_READABLE(&r, 1, 1);
	expect_sigbus(&r, TOUCH_READ, 0);
	EXPECT_NO_MSG(uffd, "a poisoned and a mapped page");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of what was not poisoned");
}
