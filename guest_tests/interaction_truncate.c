// SPDX-License-Identifier: GPL-2.0-only
/* Truncation of the file under registered memory. */
#include "lib/asleep.h"
#include "lib/memory.h"
#include "lib/raised.h"

static void truncate_to(const struct region *r, size_t pages)
{
	SETUP(!ftruncate(r->fd, pages * r->page), "ftruncate to %zu pages", pages);
}

static void expect_sigbus(const struct region *r, enum touch how, size_t offset)
{
	struct toucher t;
	siginfo_t info;

	touch_start(&t, how, r->u + offset);
	info = EXPECT_RAISED(&t, SIGBUS, "touch behind the end of the file");
	EXPECT_EQ(info.si_code, BUS_ADRERR, "its si_code");
	EXPECT_EQ(info.si_addr == r->u + offset, true, "its si_addr is U + 0x%zx", offset);
}

CASE(touch_behind_end,
     DESC("behind the end of a truncated file a touch is SIGBUS/BUS_ADRERR, without a message")
     ROWS("INT-10")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	int uffd;

	keep_siginfo();
	fill_all(&r, 1);
	/* Nor is it a missing fault. */
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_MISSING);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of two pages");
	truncate_to(&r, 1);
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 1, "pages that are mapped after ftruncate");
	/* What was mapped, and what was not; the last byte, too. */
	expect_sigbus(&r, TOUCH_READ, r.page);
	expect_sigbus(&r, TOUCH_WRITE, 2 * r.page);
	expect_sigbus(&r, TOUCH_READ, r.len - 1);
	EXPECT_NO_MSG(uffd, "touches behind the end of the file");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_FLAGS(r.u + r.page, "ui um", "ftruncate");

	truncate_to(&r, 3);
	fill_a(&r, 1, 2);
	fill_a(&r, 2, 2);
	EXPECT_MINOR_WORKS(uffd, &r, 1);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
	expect_sigbus(&r, TOUCH_READ, 3 * r.page);
	truncate_to(&r, 4);
	EXPECT_MISSING_WORKS(uffd, &r, 3);
	EXPECT_NO_MSG(uffd, "all that was touched is resolved");
}

CASE(hole_after_truncation,
     DESC("MINOR only: a file cut off and made longer again is a hole, and read as zeros")
     ROWS("INT-10")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of two pages");
	truncate_to(&r, 1);
	truncate_to(&r, 3);
	for (size_t page = 1; page < 3; page++) {
		touch_start(&t, TOUCH_READ, r.u + page * r.page + 8);
		EXPECT_FINISHED(&t, "read of page %zu, cut off and a hole since", page);
		EXPECT_EQ(t.seen, 0, "byte of page %zu, cut off and a hole since", page);
	}
	EXPECT_NO_MSG(uffd, "touches of holes");
}

CASE(truncated_under_waiter,
     DESC("truncation leaves a waiter asleep; CONTINUE gives CON-21's errno; WAKE lets it SIGBUS")
     ROWS("INT-11 CON-21")
     MEMORY("hugetlb-shared shmem-shared"))
{
	int want = expected_errno("CON-21");
	struct region r = region_make(4);
	struct toucher reader, writer, before;
	struct nap readers, writers, befores;
	siginfo_t info;
	int uffd;

	keep_siginfo();
	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&reader, TOUCH_READ, r.u + 2 * r.page + 8);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	touch_start_write(&writer, r.u + 3 * r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + 3 * r.page);
	touch_start_page(&before, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	readers = EXPECT_ASLEEP(&reader, "not resolved yet");
	writers = EXPECT_ASLEEP(&writer, "not resolved yet");
	befores = EXPECT_ASLEEP(&before, "not resolved yet");

	truncate_to(&r, 2);
	EXPECT_UNWOKEN(&reader, readers, "truncation");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), want,
		   "UFFDIO_CONTINUE behind the end");
	EXPECT_UNWOKEN(&reader, readers, "the refusal");
	EXPECT_UNWOKEN(&writer, writers, "truncation and the refusal");
	EXPECT_NO_MSG(uffd, "truncation");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + 2 * r.page, r.page), 0, "UFFDIO_WAKE");
	info = EXPECT_RAISED(&reader, SIGBUS, "woken, its page cut off");
	EXPECT_EQ(info.si_code, BUS_ADRERR, "its si_code");
	EXPECT_EQ(info.si_addr == r.u + 2 * r.page + 8, true, "its si_addr is the byte read");
	EXPECT_UNWOKEN(&writer, writers, "WAKE of the page before");
	EXPECT_NO_MSG(uffd, "WAKE");

	/* Made again before it is woken, it is as if nothing had been. */
	truncate_to(&r, 4);
	fill_a(&r, 3, 2);
	EXPECT_UNWOKEN(&writer, writers, "the file is longer again");
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the page that was made anew");
	EXPECT_FINISHED(&writer, "UFFDIO_CONTINUE");
	EXPECT_EQ(r.a[3 * r.page], 0x42, "A after the waiter's write");

	EXPECT_UNWOKEN(&before, befores, "what happened behind it");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the last page that was kept");
	EXPECT_SEEN(&before, &r, 1, 1);
}
