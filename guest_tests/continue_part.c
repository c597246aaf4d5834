// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE in a part of a file, of a range, of a page: just this part, and all of it. */
#include "lib/asleep.h"
#include "lib/memory.h"

CASE(mapping_inside_file,
     DESC("U begins inside the file: message and CONTINUE are of U's own pages")
     ROWS("CON-01 CON-03 DLV-01")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;
	struct region whole = region_make(5), r;
	char *at = room_make(3 * whole.page, whole.page);
	struct toucher t;
	int uffd;

	r = map_at(&whole, at, 2, 3, PROT_READ | PROT_WRITE, how);
	/* What a wrong place in the file would show. */
	fill_all(&whole, 7);
	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	fill_a(&r, 1, 2);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the mapping's second page");
	EXPECT_SEEN(&t, &r, 1, 2);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of its first");
	EXPECT_READABLE(&r, 0, 1);
	/* mprotect(2) makes a mapping of its own of the last page. */
	SETUP(!mprotect(r.u + 2 * r.page, r.page, PROT_READ), "mprotect of the last page");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of its last, split off");
	EXPECT_READABLE(&r, 2, 1);
	EXPECT_NO_MSG(uffd, "touch of resolved pages");
}

CASE(neighbours_sleep_on,
     DESC("CONTINUE of the page in the middle wakes neither the page before nor the one behind")
     ROWS("CON-01 CON-09 DLV-20")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	struct toucher t[3];
	struct nap before, behind;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 0; i < r.pages; i++) {
		touch_start_page(&t[i], &r, i);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + i * r.page);
	}
	before = EXPECT_ASLEEP(&t[0], "not resolved yet");
	behind = EXPECT_ASLEEP(&t[2], "not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the page in the middle");
	EXPECT_SEEN(&t[1], &r, 1, 1);
	EXPECT_UNWOKEN(&t[0], before, "the page behind its own was resolved");
	EXPECT_UNWOKEN(&t[2], behind, "the page before its own was resolved");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE of the middle");
	EXPECT_UNWOKEN(&t[0], before, "WAKE of the page behind its own");
	EXPECT_UNWOKEN(&t[2], behind, "WAKE of the page before its own");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the last page");
	EXPECT_UNWOKEN(&t[0], before, "the last page was resolved");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the first page");
	EXPECT_SEEN(&t[0], &r, 0, 1);
	EXPECT_SEEN(&t[2], &r, 2, 1);
}

CASE(progress_wakes_progress,
     DESC("CONTINUE that stops at a hole wakes the waiters of what it mapped, and no others")
     ROWS("CON-07 CON-09")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(4);
	struct toucher first, second, last;
	struct nap nap;
	int uffd;

	for (size_t i = 0; i < r.pages; i++)
		if (i != 2)
			fill_a(&r, i, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&first, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	touch_start_page(&second, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	touch_start_page(&last, &r, 3);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 3 * r.page);
	nap = EXPECT_ASLEEP(&last, "not resolved yet");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, r.len, 0), EAGAIN, 2 * (int64_t)r.page,
		       "UFFDIO_CONTINUE of two pages, a hole and a page");
	EXPECT_SEEN(&first, &r, 0, 1);
	EXPECT_SEEN(&second, &r, 1, 1);
	EXPECT_UNWOKEN(&last, nap, "its page is behind the hole");
	EXPECT_EQ(pages_mapped(r.u, r.page, r.pages), 2, "pages that are mapped");
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the page behind the hole");
	EXPECT_SEEN(&last, &r, 3, 1);
}

CASE(last_page_in_part,
     DESC("a file that ends inside its last page: CONTINUE maps that page, not the next")
     ROWS("CON-21 CON-01")
     MEMORY("shmem-shared shmem-private"))
{
	int want = expected_errno("CON-21");
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	SETUP(!ftruncate(r.fd, r.page + 1), "ftruncate to a page and a byte");
	fill_a(&r, 0, 1);
	SETUP(pwrite(r.fd, "x", 1, r.page) == 1, "pwrite of the last byte");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of both of the file's pages");
	EXPECT_FINISHED(&t, "UFFDIO_CONTINUE");
	EXPECT_EQ(t.seen, 'x', "the file's last byte");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), want,
		   "UFFDIO_CONTINUE of the page behind the end");
}

CASE(fallocated_in_used_memory,
     DESC("pages fallocated out of memory that held something read as zeros after CONTINUE")
     ROWS("CON-23")
     MEMORY("shmem-shared shmem-private"))
{
	const size_t n = (8 << 20) / base_page();
	struct region r = region_make(n);
	char *used;
	int uffd;

	/* Memory given back a moment ago is what is handed out next. */
	used = mmap(NULL, 2 * r.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SETUP(used != MAP_FAILED, "mmap of %zu bytes", 2 * r.len);
	memset(used, 0xa5, 2 * r.len);
	munmap(used, 2 * r.len);
	SETUP(!fallocate(r.fd, 0, 0, r.len), "fallocate of %zu pages", n);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len,
		  "UFFDIO_CONTINUE of %zu pages that were fallocated", n);
	for (size_t i = 0; i < r.len; i += sizeof(uint64_t))
		if (*(uint64_t *)(r.u + i))
			FAIL("U+0x%zx holds 0x%llx, not 0", i,
			     (unsigned long long)*(uint64_t *)(r.u + i));
}
