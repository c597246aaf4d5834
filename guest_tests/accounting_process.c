// SPDX-License-Identifier: GPL-2.0-only
/* What a process is said to have: its memory in /proc/PID/status, its pages in pagemap. */
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"

static void expect_hugetlb_pages(const struct region *r, uint64_t want, const char *after)
{
	EXPECT_EQ(status_bytes(0, "HugetlbPages") / r->page, want, "huge pages in HugetlbPages %s",
		  after);
}

CASE(hugetlb_pages_grow,
     DESC("HugetlbPages of the process: one huge page more with each CONTINUE, and no other")
     ROWS("ACC-04")
     MEMORY("hugetlb-shared hugetlb-private" SIZES_SHARED SIZES_PRIVATE))
{
	struct region r = region_make(4);
	struct toucher t;
	uint64_t before;
	int uffd;

	for (size_t i = 0; i < 3; i++)
		fill_a(&r, i, 1);
	before = status_bytes(0, "HugetlbPages") / r.page;
	EXPECT_EQ(before, 3, "huge pages in HugetlbPages that A has mapped");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	expect_hugetlb_pages(&r, before, "while a fault waits");
	EXPECT_ERRNO(uffd_continue(uffd, r.u + r.page, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	expect_hugetlb_pages(&r, before + 1, "after CONTINUE of the fault");

	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), EEXIST, "UFFDIO_CONTINUE again");
	EXPECT_ERR(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a hole");
	expect_hugetlb_pages(&r, before + 1, "after CONTINUE was refused");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u + 2 * r.page, 2 * r.page, 0), EAGAIN,
		       (int64_t)r.page, "UFFDIO_CONTINUE up to a hole");
	expect_hugetlb_pages(&r, before + 2, "after CONTINUE in part");
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE in advance");
	expect_hugetlb_pages(&r, before + 3, "after CONTINUE of the last page");

	/* A private copy takes the place of the file's page. */
	touch_start_write(&t, r.u, 0x42);
	EXPECT_FINISHED(&t, "write to a resolved page");
	expect_hugetlb_pages(&r, before + 3, "after a write");
	unmap_at(r.u, 2 * r.page);
	expect_hugetlb_pages(&r, before + 1, "after munmap of two resolved pages");
	unmap_at(r.u + 2 * r.page, 2 * r.page);
	unmap_at(r.a, r.len);
	expect_hugetlb_pages(&r, 0, "after munmap of everything");
}

#define MANY 1024
/* What a processor keeps to itself since 6.2, in each of two readings (f1a7941243c1). */
#define LATE 64

static int64_t pages_in(const char *key)
{
	return (int64_t)(status_bytes(0, key) / base_page());
}

static void expect_about(const char *key, int64_t before, int64_t more, const char *after)
{
	int64_t grown = pages_in(key) - before;

	EXPECT(grown >= more - LATE && grown <= more + LATE,
	       "%s grew by %lld pages after %s, expected about %lld", key, (long long)grown,
	       after, (long long)more);
}

/*
 * Map all of this program: its file is on the initial tmpfs, so that its pages are RssShmem as
 * well, and a fault in code that runs for the first time maps 16 of them. Then have counted what
 * the thread has kept to itself of that: up to 6.1 munmap of a mapped page does it
 * (add_mm_rss_vec()).
 */
static void map_program(void)
{
	char line[512], exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	volatile char *page;

	SETUP(f && n > 0, "this program's mappings");
	exe[n] = 0;
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, exe))
			continue;
		SETUP(sscanf(line, "%lx-%lx", &start, &end) == 2, "/proc/self/maps: %s", line);
		for (; start < end; start += base_page())
			(void)*(volatile char *)start;
	}
	fclose(f);
	page = mmap(NULL, base_page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SETUP(page != MAP_FAILED, "mmap");
	*page = 1;
	SETUP(!munmap((void *)page, base_page()), "munmap");
}

CASE(shmem_pages_grow,
     DESC("RssShmem of the process: a page more with each CONTINUE, RssFile and RssAnon not")
     ROWS("ACC-05")
     MEMORY("shmem-shared shmem-private"))
{
	struct region r = region_make(MANY);
	int64_t shmem, anon, file;
	int uffd;

	for (size_t i = 0; i < MANY; i++)
		r.a[i * r.page] = 1;
	map_program();
	shmem = pages_in("RssShmem");
	anon = pages_in("RssAnon");
	file = pages_in("RssFile");
	EXPECT(shmem >= MANY - LATE, "RssShmem has A's pages: expected at least %d pages, got %lld",
	       MANY - LATE, (long long)shmem);

	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.len / 2, 0), (int64_t)r.len / 2, "UFFDIO_CONTINUE");
	expect_about("RssShmem", shmem, MANY / 2, "CONTINUE of the first half");
	for (size_t i = MANY / 2; i < MANY; i++) {
		EXPECT_ERRNO(uffd_continue(uffd, r.u + i * r.page, r.page, 0), 0,
			     "UFFDIO_CONTINUE of page %zu", i);
		EXPECT_ERRNO(uffd_continue(uffd, r.u + i * r.page, r.page, 0), EEXIST,
			     "UFFDIO_CONTINUE of page %zu again", i);
	}
	expect_about("RssShmem", shmem, MANY, "CONTINUE of each page of the second half");
	expect_about("RssAnon", anon, 0, "CONTINUE");
	expect_about("RssFile", file, 0, "CONTINUE");
	unmap_at(r.u, r.len);
	expect_about("RssShmem", shmem, 0, "munmap of U");
	/* What does not come to nothing in the end is on the console: "Bad rss-counter". */
}

static void clear_soft_dirty(void)
{
	write_to("4", "/proc/self/clear_refs");
}

static void expect_soft_dirty(const void *addr, uint64_t want, const char *what)
{
	EXPECT_EQ(!!(pagemap_entry(addr) & PAGEMAP_SOFT_DIRTY), want, "soft-dirty bit of %s", what);
}

CASE(continue_makes_dirty,
     DESC("a resolved shmem page is soft-dirty though nobody wrote to it")
     ROWS("ACC-12")
     MEMORY("hugetlb-shared shmem-shared"))
{
	uint64_t want = expected_number("ACC-12");
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	clear_soft_dirty();
	EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
	touch_start(&t, TOUCH_READ, r.u + 2 * r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	EXPECT_ERRNO(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 2, 1);
	expect_soft_dirty(r.u, want, "a page resolved in advance");
	expect_soft_dirty(r.u + 2 * r.page, want, "a page whose fault was resolved");
	expect_soft_dirty(r.u + r.page, 0, "a page that is not resolved");
	expect_soft_dirty(r.a, 0, "A's page, which nobody has written to since");
	/* The mark comes with the entry: taken away once, it stays away. */
	clear_soft_dirty();
	expect_soft_dirty(r.u, 0, "a resolved page after clear_refs");
	EXPECT_READABLE(&r, 0, 1);
	expect_soft_dirty(r.u, 0, "a resolved page that was read");
	*(volatile char *)r.a = 1;
	expect_soft_dirty(r.a, want, "A's page after a write: the positive control");
}

static void expect_resolved(const struct region *r, size_t page, uint64_t exclusive)
{
	const char *at = r->u + page * r->page;
	uint64_t entry = pagemap_entry(at);

	EXPECT_EQ(entry & PAGEMAP_PRESENT, PAGEMAP_PRESENT, "pagemap's present bit, page %zu", page);
	EXPECT_EQ(entry & PAGEMAP_FILE, PAGEMAP_FILE, "pagemap's file bit, page %zu", page);
	EXPECT_EQ(entry & PAGEMAP_SWAP, 0, "pagemap's swap bit, page %zu", page);
	EXPECT_EQ(!!(entry & PAGEMAP_EXCLUSIVE), exclusive,
		  "pagemap's bit for a page that is mapped once, page %zu", page);
}

CASE(pagemap_shows_resolved,
     DESC("pagemap of a resolved page: present, of a file, A's page, and not U's alone")
     ROWS("ACC-13")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_EQ(pagemap_entry(r.u + r.page) & (PAGEMAP_PRESENT | PAGEMAP_SWAP), 0,
		  "pagemap's present and swap bits while the fault waits");
	EXPECT_ERRNO(uffd_continue(uffd, r.u + r.page, 2 * r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	EXPECT_EQ(pagemap_entry(r.u) & (PAGEMAP_PRESENT | PAGEMAP_SWAP), 0,
		  "pagemap's present and swap bits of a page that is not resolved");
	for (size_t i = 1; i < 3; i++) {
		/* The last base page of a huge one as well as the first. */
		size_t last = r.page - base_page();

		expect_resolved(&r, i, 0);
		EXPECT_EQ(pagemap_frame(r.u + i * r.page), pagemap_frame(r.a + i * r.page),
			  "page frame of U's page %zu and of A's", i);
		EXPECT_EQ(pagemap_frame(r.u + i * r.page + last),
			  pagemap_frame(r.a + i * r.page + last),
			  "page frame of the last base page of U's page %zu and of A's", i);
	}
	unmap_at(r.a, r.len);
	expect_resolved(&r, 1, 1);
	expect_resolved(&r, 2, 1);
}
