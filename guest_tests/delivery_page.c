// SPDX-License-Identifier: GPL-2.0-only
/* Which pages give a message: never written, write-protected, private copies, neighbours. */
#include "lib/asleep.h"

static void expect_zeros(const char *page, size_t len, const char *whose)
{
	for (size_t i = 0; i < len; i++)
		EXPECT(!page[i], "byte %zu of %s is 0x%02x, expected 0", i, whose,
		       (unsigned char)page[i]);
}

CASE(fallocated_page_is_minor,
     DESC("a page that was fallocated and never written gives MINOR, and then reads as zeros")
     ROWS("DLV-11")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	struct toucher reader, writer, hole;
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);

	SETUP(!fallocate(r.fd, 0, 0, 2 * r.page), "fallocate of two pages");
	touch_start_page(&reader, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_ASLEEP(&reader, "page 1, fallocated");
	touch_start_write(&writer, r.u + 8, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	/* The page behind what was fallocated is a hole still. */
	touch_start(&hole, TOUCH_READ, r.u + 2 * r.page);
	EXPECT_MSG(uffd, 0, r.u + 2 * r.page);

	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of fallocated pages");
	EXPECT_FINISHED(&reader, "page 1 resolved");
	EXPECT_FINISHED(&writer, "page 0 resolved");
	expect_zeros(reader.copy, r.page, "page 1 as the thread saw it");
	expect_zeros(r.u + r.page, r.page, "page 1 in U");
	expect_zeros(r.a + r.page, r.page, "page 1 in A");
	EXPECT_EQ(r.u[8], 0x42, "what the write left in U");
	EXPECT_EQ(r.a[8], memory_is_private() ? 0 : 0x42, "the same byte in A");
	EXPECT_NO_MSG(uffd, "what is resolved");
}

CASE(write_protected_first_write,
     DESC("MINOR and WP, first access a write: MINOR and WRITE, never WP; then no more")
     ROWS("DLV-12")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	struct toucher writer, reader, hole;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR | MODE_WP);
	touch_start_write(&writer, r.u + r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	EXPECT_ASLEEP(&writer, "not resolved");
	/* Tried again, it is the same. */
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE");
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	touch_start_page(&reader, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	touch_start_write(&hole, r.u + 2 * r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_WRITE, r.u + 2 * r.page);

	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&reader, &r, 0, 1);
	EXPECT_FINISHED(&writer, "page 1 resolved");
	EXPECT_EQ(r.u[r.page], 0x42, "what the write left in U");
	touch_start_write(&writer, r.u, 0x43);
	EXPECT_FINISHED(&writer, "write to a page that CONTINUE did not protect");
	EXPECT_NO_MSG(uffd, "what is resolved");
}

CASE(private_copy_is_silent,
     DESC("private: a page that was copied on write gives no message on any later access")
     ROWS("DLV-13")
     MEMORY("hugetlb-private shmem-private"))
{
	struct region r = region_make(2);
	struct toucher t;
	int uffd;

	/* The first copy is made before the registration, the second one behind a fault. */
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	r.u[r.page] = pattern_byte(0, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	touch_start_write(&t, r.u, pattern_byte(0, 0, 1));
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&t, "page 0 resolved");

	for (size_t page = 0; page < 2; page++) {
		/* U keeps its own, whatever becomes of the file. */
		fill_a(&r, page, 2);
		EXPECT_READABLE(&r, page, 1);
		touch_start_write(&t, r.u + page * r.page, pattern_byte(0, page, 1));
		EXPECT_FINISHED(&t, "write to the copy of page %zu", page);
		fill_a(&r, page, 3);
		EXPECT_READABLE(&r, page, 1);
		EXPECT_ERR(uffd_continue(uffd, r.u + page * r.page, r.page, 0), EEXIST,
			   "UFFDIO_CONTINUE of the copy of page %zu", page);
		EXPECT_EQ(find_mismatch(r.a + page * r.page, r.page, page, 3), -1,
			  "first byte of A that changed");
	}
	EXPECT_NO_MSG(uffd, "access to private copies");
}

/* Of @max pages from @addr on, how many are mapped? */
static size_t count_mapped(const char *addr, size_t page, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < max; i++)
		n += page_is_mapped(addr + i * page);
	return n;
}

#define CACHED 64		/* pages: twice 64 KiB of the smallest, wherever U lies */

CASE(no_fault_around,
     DESC("a fault in a MINOR mapping maps no neighbours; one in a plain mapping 64 KiB of them")
     ROWS("DLV-14")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(CACHED);
	char *plain;
	size_t around = 65536 / r.page;
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	plain = mmap(NULL, r.len, PROT_READ, MAP_SHARED, r.fd, 0);
	SETUP(plain != MAP_FAILED, "mmap of a third mapping");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t page = 30; page < 33; page++) {
		touch_start_page(&t, &r, page);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + page * r.page);
		EXPECT_EQ(count_mapped(r.u, r.page, r.pages), page - 30, "pages mapped by faults");
		EXPECT_OK(uffd_continue(uffd, r.u + page * r.page, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE");
		EXPECT_SEEN(&t, &r, page, 1);
		EXPECT_EQ(count_mapped(r.u, r.page, r.pages), page - 29, "pages mapped by CONTINUE");
	}

	/* That there is such a thing at all. */
	touch_start(&t, TOUCH_READ, plain + 32 * r.page);
	EXPECT_FINISHED(&t, "read of a plain mapping");
	EXPECT_EQ(count_mapped(plain, r.page, r.pages), around, "pages mapped by a plain read");

	/* And that U has it once it is a plain mapping. */
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	touch_start_page(&t, &r, 0);
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT(count_mapped(r.u, r.page, 30) > 1, "a read of U, no longer registered, maps one page");
	EXPECT_NO_MSG(uffd, "no longer registered");
}
