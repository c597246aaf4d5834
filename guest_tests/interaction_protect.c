// SPDX-License-Identifier: GPL-2.0-only
/* mprotect(2) of registered memory: an access that it forbids is never a minor fault. */
#include "lib/asleep.h"
#include "lib/memory.h"
#include "lib/raised.h"

static void protect(const struct region *r, size_t page, size_t pages, int prot)
{
	SETUP(!mprotect(r->u + page * r->page, pages * r->page, prot), "mprotect to 0x%x", prot);
}

CASE(protected_memory,
     DESC("a forbidden touch is SIGSEGV, without a message; allowed again it is a minor fault")
     ROWS("INT-12")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	struct toucher t;
	int uffd;

	keep_siginfo();
	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	/* Pages 0 and 1: one that is mapped and one that is not. */
	protect(&r, 0, 2, PROT_NONE);
	EXPECT_FLAGS(r.u, "ui", "mprotect to PROT_NONE");
	EXPECT_SEGV(&r, TOUCH_READ, 0);
	EXPECT_SEGV(&r, TOUCH_READ, 2 * r.page - 1);
	EXPECT_SEGV(&r, TOUCH_WRITE, r.page);
	EXPECT_NO_MSG(uffd, "touches of PROT_NONE");
	EXPECT_MINOR_WORKS(uffd, &r, 2);

	protect(&r, 0, 2, PROT_READ);
	EXPECT_SEGV(&r, TOUCH_WRITE, 0);
	EXPECT_SEGV(&r, TOUCH_WRITE, r.page);
	EXPECT_NO_MSG(uffd, "writes to PROT_READ");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_NO_MSG(uffd, "read of what was mapped before");
	EXPECT_MINOR_WORKS(uffd, &r, 1);
	EXPECT_SEGV(&r, TOUCH_WRITE, r.page);

	protect(&r, 0, 2, PROT_READ | PROT_WRITE);
	EXPECT_FLAGS(r.u, "ui", "mprotect to read and write");
	touch_start_write(&t, r.u + r.page, 0x42);
	EXPECT_FINISHED(&t, "write of what was resolved as PROT_READ");
	EXPECT_EQ(r.a[r.page], 0x42, "A after the write");
	touch_start_write(&t, r.u + 3 * r.page, 0x43);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + 3 * r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE for a write");
	EXPECT_FINISHED(&t, "UFFDIO_CONTINUE for a write");
	EXPECT_NO_MSG(uffd, "all that was touched is resolved");
}

CASE(protected_and_back,
     DESC("PROT_NONE and back, nothing mapped: still armed, and a touch gives MINOR")
     ROWS("INT-12")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd;

	keep_siginfo();
	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_MISSING);
	protect(&r, 0, 2, PROT_NONE);
	EXPECT_SEGV(&r, TOUCH_WRITE, 0);
	EXPECT_SEGV(&r, TOUCH_READ, r.page);	/* a hole */
	EXPECT_NO_MSG(uffd, "touches of PROT_NONE");
	protect(&r, 0, 2, PROT_READ | PROT_WRITE);
	EXPECT_FLAGS(r.u, "ui um", "mprotect and back");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MISSING_WORKS(uffd, &r, 1);
}

CASE(protected_under_waiter,
     DESC("mprotect under a waiter does not wake it; resolved, its access is SIGSEGV")
     ROWS("INT-12")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	struct toucher reader, writer;
	struct nap readers, writers;
	int uffd;

	keep_siginfo();
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&reader, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	touch_start_write(&writer, r.u + r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	readers = EXPECT_ASLEEP(&reader, "not resolved yet");
	writers = EXPECT_ASLEEP(&writer, "not resolved yet");
	protect(&r, 0, 2, PROT_READ);
	EXPECT_UNWOKEN(&reader, readers, "mprotect");
	EXPECT_UNWOKEN(&writer, writers, "mprotect");
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&reader, &r, 0, 1);
	EXPECT_RAISED(&writer, SIGSEGV, "resolved, and read-only by now");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	EXPECT_NO_MSG(uffd, "all that was touched is resolved");
}
