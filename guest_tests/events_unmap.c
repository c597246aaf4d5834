// SPDX-License-Identifier: GPL-2.0-only
/* munmap(2) of registered memory, with UFFD_FEATURE_EVENT_UNMAP and without. */
#include "lib/caller.h"
#include "lib/event.h"
#include "lib/memory.h"
#include "lib/raised.h"

#ifdef SYS_mmap2	/* SYS_mmap of i386 takes a structure */
#define MMAP SYS_mmap2
#else
#define MMAP SYS_mmap
#endif

CASE(unmap_under_waiter,
     DESC("munmap under a waiter does not wake it; CONTINUE gives ENOENT, after WAKE it is SIGSEGV")
     ROWS("INT-05")
     MEMORY("hugetlb-shared shmem-shared"))
{
	/* Every other event. */
	uint64_t features = UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE;
	struct region r = region_make(3);
	struct toucher t, other;
	struct nap nap, others;
	siginfo_t info;
	int uffd;

	keep_siginfo();
	fill_all(&r, 1);
	uffd = uffd_on(&r, features, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page + 8);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	touch_start_page(&other, &r, 2);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	others = EXPECT_ASLEEP(&other, "not resolved yet");

	unmap_at(r.u + r.page, r.page);
	EXPECT_UNWOKEN(&t, nap, "munmap of its page");
	EXPECT_NO_MSG(uffd, "munmap without EVENT_UNMAP");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE of what is unmapped");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), ENOENT,
		   "UFFDIO_CONTINUE of a range with a gap");
	EXPECT_UNWOKEN(&t, nap, "the refusals");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE of what is unmapped");
	info = EXPECT_RAISED(&t, SIGSEGV, "woken, its page unmapped");
	EXPECT_EQ(info.si_code, SEGV_MAPERR, "its si_code");
	EXPECT_EQ(info.si_addr == r.u + r.page + 8, true, "its si_addr is the byte touched");

	EXPECT_UNWOKEN(&other, others, "munmap and WAKE of the page before");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the page behind");
	EXPECT_SEEN(&other, &r, 2, 1);
	EXPECT_MINOR_WORKS(uffd, &r, 0);
}

CASE(mapped_anew_under_waiter,
     DESC("a waiter whose page was unmapped and mapped anew reads the new mapping after WAKE")
     ROWS("INT-05")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2), again;
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	/* Page 1 of the file where page 0 was: not armed. */
	again = map_at(&r, r.u, 1, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	EXPECT_FLAGS(again.u, "", "a mapping made over a registered one");
	EXPECT_UNWOKEN(&t, nap, "another mapping in its place");
	EXPECT_ERRNO(uffd_wake(uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	EXPECT_FINISHED(&t, "woken, another mapping in its place");
	EXPECT_EQ(t.seen, pattern_byte(0, 1, 1), "byte read from the new mapping");
	EXPECT_NO_MSG(uffd, "touch of the new mapping");
	EXPECT_MINOR_WORKS(uffd, &r, 1);
}

/* The call must wait for its UNMAP event for these pages of U. */
static void expect_unmap(int uffd, struct caller *c, char *start, size_t len, long ret)
{
	struct nap nap = EXPECT_WAITING(c, "D", "a call with EVENT_UNMAP");

	EXPECT_UNREAD(uffd, "a call with EVENT_UNMAP");
	EXPECT_STILL_WAITING(c, nap, "its event not read");
	EXPECT_UNMAP(uffd, start, len);
	EXPECT_RETURNED(c, ret, 0, "its event read");
	EXPECT_NO_MSG(uffd, "its event read");
}

CASE(unmap_event,
     DESC("munmap with EVENT_UNMAP waits for its message, with start and end; CONTINUE: EAGAIN")
     ROWS("INT-06")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct region r = region_make(4);
	struct caller c;
	struct nap nap;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_EVENT_UNMAP, MODE_MINOR);
	/* From the middle, one page of it resolved and one not. */
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	call_start(&c, SYS_munmap, (long)(r.u + r.page), 2 * r.page);
	nap = EXPECT_WAITING(&c, "D", "munmap with EVENT_UNMAP");
	EXPECT_UNREAD(uffd, "munmap with EVENT_UNMAP");
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), EAGAIN,
		     "UFFDIO_CONTINUE of another page, the event not read");
	/* It is unmapped before it is told. */
	EXPECT_EQ(vma_count(r.u + r.page, 2 * r.page), 0, "mappings left, the event not read");
	EXPECT_STILL_WAITING(&c, nap, "munmap, its event not read");
	EXPECT_UNMAP(uffd, r.u + r.page, 2 * r.page);
	EXPECT_RETURNED(&c, 0, 0, "munmap, its event read");
	/* What is not there is not told; nothing else can have come there meanwhile. */
	call_start(&c, SYS_munmap, (long)(r.u + r.page), r.page);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "munmap of nothing");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE, the event read");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE of what is unmapped");
	EXPECT_MINOR_WORKS(uffd, &r, 3);
	call_start(&c, SYS_munmap, (long)r.a, r.len);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "munmap of A");
}

CASE(unmap_event_by_other_calls,
     DESC("an UNMAP message comes for what a new mapping replaces, and once for several mappings")
     ROWS("INT-06")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	char *at = room_make(4 * r.page, r.page);
	struct region first = map_at(&r, at, 0, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	struct region last = map_at(&r, at + 3 * r.page, 3, 1, PROT_READ | PROT_WRITE,
				    MAP_SHARED);
	int uffd = uffd_on(&r, UFFD_FEATURE_EVENT_UNMAP, MODE_MINOR);
	struct caller c;

	/* With an offset of 0, the unit of which is another in the 32-bit call. */
	call_start(&c, MMAP, (long)(r.u + r.page), r.page, PROT_READ, MAP_SHARED | MAP_FIXED,
		   r.fd, 0);
	expect_unmap(uffd, &c, r.u + r.page, r.page, (long)(r.u + r.page));
	EXPECT_FLAGS(r.u + r.page, "", "a mapping made over a registered one");
	EXPECT_FLAGS(r.u, "ui", "a mapping made beside a registered one");

	EXPECT_ERRNO(uffd_register(uffd, first.u, first.len, MODE_MINOR), 0, "one mapping");
	EXPECT_ERRNO(uffd_register(uffd, last.u, last.len, MODE_MINOR), 0, "another mapping");
	call_start(&c, SYS_munmap, (long)at, 4 * r.page);
	expect_unmap(uffd, &c, at, 4 * r.page, 0);

	EXPECT_ERRNO(uffd_unregister(uffd, r.u + 3 * r.page, r.page), 0, "UFFDIO_UNREGISTER");
	call_start(&c, SYS_munmap, (long)(r.u + 3 * r.page), r.page);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "munmap of what was registered once");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
}
