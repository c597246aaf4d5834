// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE: what it resolves, with which content, and how it refuses. */
#include "lib/asleep.h"

CASE(maps_page_as_it_is,
     DESC("CONTINUE of a present page: 0, mapped is the length, the waiter reads its content")
     ROWS("CON-01")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(1);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_ASLEEP(&t, "not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
}

CASE(prefill,
     DESC("CONTINUE with nobody waiting: 0; the touch that follows gives no message")
     ROWS("CON-02")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_NO_MSG(uffd, "touch of a page that was filled beforehand");
}

CASE(maps_updated_page,
     DESC("what A was given between message and CONTINUE is what the waiter reads, all of it")
     ROWS("CON-03")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	struct region r = region_make(2);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	fill_a(&r, 1, 2);
	EXPECT_ASLEEP(&t, "page updated, not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE after the update");
	EXPECT_SEEN(&t, &r, 1, 2);
}

CASE(hole_refused,
     DESC("CONTINUE of a hole: EFAULT, mapped is -EFAULT")
     ROWS("CON-04")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, 0, MODE_MINOR);

	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EFAULT, "UFFDIO_CONTINUE of a hole");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, UFFDIO_CONTINUE_MODE_DONTWAKE), EFAULT,
		   "UFFDIO_CONTINUE of a hole, with DONTWAKE");
	fill_a(&r, 0, 1);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE once the page is there");
}

CASE(anon_refused,
     DESC("CONTINUE on anonymous memory: EINVAL, mapped is -EINVAL")
     ROWS("CON-05")
     MEMORY("anon"))
{
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MISSING);

	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EINVAL,
		   "UFFDIO_CONTINUE on anonymous memory");
}

CASE(mapped_refused,
     DESC("CONTINUE of a page that is mapped: EEXIST, mapped is -EEXIST")
     ROWS("CON-06")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(1);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "second UFFDIO_CONTINUE");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "third UFFDIO_CONTINUE");
}

CASE(part_present,
     DESC("CONTINUE of a present page and a hole: EAGAIN, mapped is the one page; it stays")
     ROWS("CON-07")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);

	fill_a(&r, 0, 1);
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, r.len, 0), EAGAIN, (int64_t)r.page,
		       "UFFDIO_CONTINUE of a present page and a hole");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_NO_MSG(uffd, "touch of the page that was mapped");
}

CASE(first_page_mapped,
     DESC("CONTINUE of a range whose first page is mapped: EEXIST, nothing else mapped")
     ROWS("CON-08")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct toucher t;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE of page 0");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), EEXIST,
		   "UFFDIO_CONTINUE from a mapped page on");
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
}

CASE(many_pages_at_once,
     DESC("one CONTINUE maps every page of a range and releases all waiters in it")
     ROWS("CON-09")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	/* A few huge pages, or more base pages than one page table has room for. */
	size_t n = memory_is_hugetlb() ? 6 : base_page() / sizeof(uint64_t) + 8;
	struct region r = region_make(n);
	struct toucher first, last;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&first, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	touch_start_page(&last, &r, r.pages - 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.len - r.page);
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len,
		  "UFFDIO_CONTINUE of %zu pages", r.pages);
	EXPECT_SEEN(&first, &r, 0, 1);
	EXPECT_SEEN(&last, &r, r.pages - 1, 1);
	EXPECT_EQ(pages_mapped(r.u, r.page, r.pages), r.pages, "pages that are mapped");
	for (size_t i = 0; i < r.pages; i += 1 + r.pages / 10)
		EXPECT_READABLE(&r, i, 1);
	EXPECT_NO_MSG(uffd, "touch of resolved pages");
}

CASE(end_of_mapping_crossed,
     DESC("CONTINUE over the end of the registered mapping: ENOENT, nothing mapped")
     ROWS("CON-10")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);
	struct toucher t;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of the first page");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), ENOENT,
		   "UFFDIO_CONTINUE of the registered page and the one behind it");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "UFFDIO_REGISTER of both");
	SETUP(!mprotect(r.u + r.page, r.page, PROT_READ), "mprotect of the second page");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), ENOENT,
		   "UFFDIO_CONTINUE of both pages once mprotect(2) has split them");
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE of one");
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the other");
}

CASE(unregistered_refused,
     DESC("CONTINUE where nothing is registered, or mapped: ENOENT, mapped is -ENOENT")
     ROWS("CON-11")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd = uffd_open(0);

	fill_a(&r, 0, 1);
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE of a mapping that is not registered");
	EXPECT_ERR(uffd_continue(uffd, r.u - r.page, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE where nothing is mapped");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "UFFDIO_REGISTER");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE once it is registered");
}

CASE(dontwake,
     DESC("CONTINUE with DONTWAKE maps the page and lets the waiter sleep until WAKE")
     ROWS("CON-14")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, UFFDIO_CONTINUE_MODE_DONTWAKE),
		  (int64_t)r.page, "UFFDIO_CONTINUE with DONTWAKE");
	EXPECT_UNWOKEN(&t, nap, "resolved with DONTWAKE");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_UNWOKEN(&t, nap, "resolved with DONTWAKE, and read by another thread");
	EXPECT_ERRNO(uffd_wake(uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	EXPECT_SEEN(&t, &r, 0, 1);
}

CASE(unknown_mode_refused,
     DESC("CONTINUE with an unknown mode bit: EINVAL, mapped untouched")
     ROWS("CON-15")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_REFUSED(uffd_continue(uffd, r.u, r.page, 1ULL << 2), EINVAL,
		       "UFFDIO_CONTINUE with mode bit 2");
}

CASE(unaligned_refused,
     DESC("CONTINUE with an unaligned, empty or wrapping range: EINVAL, mapped untouched")
     ROWS("CON-19")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_REFUSED(uffd_continue(uffd, r.u + 1, r.page, 0), EINVAL,
		       "UFFDIO_CONTINUE from U + 1");
	EXPECT_REFUSED(uffd_continue(uffd, r.u, r.page - 1, 0), EINVAL,
		       "UFFDIO_CONTINUE of a byte less than a page");
	EXPECT_REFUSED(uffd_continue(uffd, r.u, 0, 0), EINVAL, "UFFDIO_CONTINUE, length 0");
	EXPECT_REFUSED(uffd_continue64(uffd, (uintptr_t)r.u, -(uint64_t)r.page, 0), EINVAL,
		       "UFFDIO_CONTINUE with a length that wraps");
}

CASE(part_of_huge_page_refused,
     DESC("CONTINUE of a part of a huge page: EINVAL, mapped is -EINVAL")
     ROWS("CON-20")
     MEMORY("hugetlb-shared hugetlb-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(2);
	size_t base = base_page();
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_ERR(uffd_continue(uffd, r.u, base, 0), EINVAL,
		   "UFFDIO_CONTINUE of the first base page of a huge page");
	EXPECT_ERR(uffd_continue(uffd, r.u + base, r.page, 0), EINVAL,
		   "UFFDIO_CONTINUE from inside a huge page");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page + base, 0), EINVAL,
		   "UFFDIO_CONTINUE up to inside a huge page");
}

CASE(private_copies_on_write,
     DESC("private: CONTINUE maps the page read-only; the first write copies it, silently")
     ROWS("CON-28")
     MEMORY("hugetlb-private shmem-private" SIZES_PRIVATE))
{
	struct region r = region_make(1);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
	fill_a(&r, 0, 2);
	EXPECT_READABLE(&r, 0, 2);

	touch_start_write(&t, r.u, 0);
	EXPECT_FINISHED(&t, "write to a resolved private page");
	EXPECT_NO_MSG(uffd, "write to a resolved private page");
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 2), -1, "first byte of A that the write changed");

	SETUP(!madvise(r.u, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE again");
	EXPECT_SEEN(&t, &r, 0, 2);
}

CASE(private_first_write,
     DESC("private, first access a write: one message, one CONTINUE; A keeps its value")
     ROWS("CON-29")
     MEMORY("hugetlb-private shmem-private" SIZES_PRIVATE))
{
	struct region r = region_make(1);
	unsigned char old = pattern_byte(0, 0, 1);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_write(&t, r.u, (unsigned char)~old);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&t, "one CONTINUE for a write to a private page");
	EXPECT_NO_MSG(uffd, "second message for the write");
	EXPECT_EQ((unsigned char)r.a[0], old, "A after the write to U");
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_FINISHED(&t, "read of what was written");
	EXPECT_EQ(t.seen, (unsigned char)~old, "U after the write");
}
