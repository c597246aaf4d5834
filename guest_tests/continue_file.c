// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE when file, protection or pool are not what they were. */
#include "lib/asleep.h"
#include "lib/raised.h"

CASE(beyond_end_of_file,
     DESC("CONTINUE beyond the end of a truncated file is refused, before the end it works")
     ROWS("CON-21")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	int want = expected_errno("CON-21");
	struct region r = region_make(3);
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	SETUP(!ftruncate(r.fd, r.page), "ftruncate to one page");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), want,
		   "UFFDIO_CONTINUE of the first page behind the end");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, 2 * r.page, 0), want,
		   "UFFDIO_CONTINUE of two pages behind the end");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), want,
		   "UFFDIO_CONTINUE of the second page behind the end");
	EXPECT_UNWOKEN(&t, nap, "the page is gone, and nothing resolved");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, r.len, 0), EAGAIN, (int64_t)r.page,
		       "UFFDIO_CONTINUE of a page and of what is behind the end");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 1, "pages that are mapped");
	SETUP(!ftruncate(r.fd, 0), "ftruncate to nothing");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), want, "UFFDIO_CONTINUE, the file empty");
}

CASE(truncated_and_extended,
     DESC("after ftruncate down and up again, or a punched hole, CONTINUE gives EFAULT")
     ROWS("CON-22")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 2);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	SETUP(!ftruncate(r.fd, 2 * r.page), "ftruncate to two pages");
	SETUP(!ftruncate(r.fd, r.len), "ftruncate to three pages");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a page that was cut off");
	SETUP(!fallocate(r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, r.page),
	      "fallocate(PUNCH_HOLE)");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a page that was punched out");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u + r.page, 2 * r.page, 0), EAGAIN,
		       (int64_t)r.page, "UFFDIO_CONTINUE of the page between, and the last");
	EXPECT_READABLE(&r, 1, 1);
	EXPECT_UNWOKEN(&t, nap, "the page is gone, and nothing resolved");
	EXPECT_NO_MSG(uffd, "after the refusals");
	fill_a(&r, 2, 2);
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the page that was made anew");
	EXPECT_SEEN(&t, &r, 2, 2);
}

/* Everything must be zeros. */
static void expect_zeros(const char *page, size_t len, const char *what)
{
	size_t i = 0;

	while (i < len && !page[i])
		i++;
	EXPECT_EQ(i, len, "%s: first byte that is not 0", what);
}

CASE(fallocated_page,
     DESC("CONTINUE of a page that was fallocated and never written: 0, and it reads as zeros")
     ROWS("CON-23")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	SETUP(!fallocate(r.fd, 0, 0, 2 * r.page), "fallocate of two pages");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_ASLEEP(&t, "not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of two pages that were fallocated");
	EXPECT_FINISHED(&t, "UFFDIO_CONTINUE");
	expect_zeros(t.copy, r.page, "what the waiter read");
	touch_start_page(&t, &r, 0);
	EXPECT_FINISHED(&t, "read of the page that nobody waited for");
	expect_zeros(t.copy, r.page, "the page that nobody waited for");
	EXPECT_NO_MSG(uffd, "touch of resolved pages");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of the hole behind them");
	fill_a(&r, 0, 3);
	EXPECT_READABLE(&r, 0, 3);
}

/* A page resolved under @prot, and the accesses that this forbids. */
static int resolve_under(int prot, const struct region *r)
{
	int uffd;

	fill_a(r, 0, 1);
	fill_a(r, 1, 1);
	uffd = uffd_on(r, 0, MODE_MINOR);
	keep_siginfo();
	SETUP(!mprotect(r->u, r->len, prot), "mprotect");
	EXPECT_OK(uffd_continue(uffd, r->u, r->page, 0), (int64_t)r->page, "UFFDIO_CONTINUE");
	return uffd;
}

CASE(read_only,
     DESC("PROT_READ: CONTINUE works, a write is SIGSEGV; once writable it reaches the file")
     ROWS("CON-30")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	int uffd = resolve_under(PROT_READ, &r);
	size_t last = r.page - 1;
	struct toucher t;

	EXPECT_READABLE(&r, 0, 1);
	EXPECT_SEGV(&r, TOUCH_WRITE, 0);
	EXPECT_SEGV(&r, TOUCH_WRITE, last);
	EXPECT_SEGV(&r, TOUCH_WRITE, r.page);
	EXPECT_NO_MSG(uffd, "writes to PROT_READ");
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 1), -1, "first byte of A that changed");
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE for a read");
	EXPECT_SEEN(&t, &r, 1, 1);

	SETUP(!mprotect(r.u, r.len, PROT_READ | PROT_WRITE), "mprotect back");
	touch_start_write(&t, r.u + last, 0);
	EXPECT_FINISHED(&t, "write after mprotect(2)");
	EXPECT_NO_MSG(uffd, "write after mprotect(2)");
	EXPECT_EQ(r.a[last], 0, "A after the write to U");
	fill_a(&r, 0, 2);
	EXPECT_READABLE(&r, 0, 2);
}

CASE(no_access,
     DESC("PROT_NONE: CONTINUE works, a touch is SIGSEGV; once allowed it needs no message")
     ROWS("CON-31")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	int uffd;
	struct toucher t;

	uffd = resolve_under(PROT_NONE, &r);
	EXPECT_SEGV(&r, TOUCH_READ, 0);
	EXPECT_SEGV(&r, TOUCH_WRITE, r.page - 1);
	EXPECT_SEGV(&r, TOUCH_READ, r.page);
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "second UFFDIO_CONTINUE");
	EXPECT_NO_MSG(uffd, "touches of PROT_NONE");

	SETUP(!mprotect(r.u, r.len, PROT_READ | PROT_WRITE), "mprotect back");
	EXPECT_READABLE(&r, 0, 1);
	touch_start_write(&t, r.u + 8, 0);
	EXPECT_FINISHED(&t, "write after mprotect(2)");
	EXPECT_NO_MSG(uffd, "touches after mprotect(2)");
	EXPECT_EQ(r.a[8], 0, "A after the write to U");
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
}

CASE(empty_pool,
     DESC("CONTINUE takes no huge page: it maps every page while the pool is empty; COPY: EEXIST")
     ROWS("CON-36 RES-01")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	struct region r = region_make(4);
	int how = (memory_is_private() ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED | MAP_NORESERVE;
	int rest = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE | MAP_POPULATE;
	struct toucher t;
	long reserved;
	size_t taken;
	int uffd;

	fill_all(&r, 1);
	/* Anew, without pages set aside for what a private mapping may copy. */
	SETUP(mmap(r.u, r.len, PROT_READ | PROT_WRITE, how, r.fd, 0) == r.u, "mmap of U");
	taken = hugepages("free", r.page) * r.page;
	rest |= __builtin_ctzl(r.page) << 26;		/* MAP_HUGE_SHIFT */
	SETUP(mmap(NULL, taken, PROT_READ | PROT_WRITE, rest, -1, 0) != MAP_FAILED,
	      "mmap of the whole pool");
	errno = 0;
	SETUP(hugepages("free", r.page) == 0, "the pool is not empty");
	reserved = hugepages("resv", r.page);

	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 3);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 3 * r.page);
	/* It has to look first whether there is a page. */
	if (!memory_is_private())
		EXPECT_ERR(uffd_copy(uffd, r.u + 3 * r.page, r.a, r.page), EEXIST,
			   "UFFDIO_COPY onto a present page with an empty pool");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE with an empty pool");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of the rest with an empty pool");
	EXPECT_SEEN(&t, &r, 3, 1);
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_EQ(pages_mapped(r.u, r.page, 4), 4, "pages that are mapped");
	EXPECT_EQ(hugepages("free", r.page), 0, "free huge pages");
	EXPECT_EQ(hugepages("resv", r.page), reserved, "reserved huge pages");
	EXPECT_EQ(hugepages("surplus", r.page), 0, "surplus huge pages");
}
