// SPDX-License-Identifier: GPL-2.0-only
/* Memory under test: one file mapped twice, of each kind that userfaultfd knows. */
#include <linux/memfd.h>

#include "uffd_test.h"

#ifndef MFD_HUGE_SHIFT			/* 4.14 */
#define MFD_HUGE_SHIFT 26
#endif
#ifndef MAP_FIXED_NOREPLACE		/* 4.17 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* For region_name(): read in signal handlers, hence never freed. */
static struct region known[64];
static atomic_size_t n_known;

size_t base_page(void)
{
	return sysconf(_SC_PAGESIZE);
}

const char *memory_kind(void)
{
	if (!run.memory)
		BAIL("--memory is needed: the case is run once for each kind it declares");
	return run.memory;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && !strcmp(text + n - m, with);
}

bool memory_is_hugetlb(void)
{
	return starts(memory_kind(), "hugetlb");
}

bool memory_is_private(void)
{
	return ends(memory_kind(), "private");
}

/* Room for @len bytes at a multiple of @page with nothing mapped on either side of it. */
static char *lonely_address(size_t len, size_t page)
{
	size_t room = len + 3 * page;
	char *at = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	SETUP(at != MAP_FAILED, "mmap of %zu bytes of address space", room);
	munmap(at, room);
	return (char *)(((uintptr_t)at + 2 * page - 1) & ~(uintptr_t)(page - 1));
}

static int make_file(const char *memory, size_t len, size_t page)
{
	/* Seals: F_SEAL_WRITE tells whether somebody holds a page (held.h). */
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (starts(memory, "hugetlb"))
		flags |= MFD_HUGETLB | (unsigned int)__builtin_ctzl(page) << MFD_HUGE_SHIFT;
	fd = memfd_create("uffd-test", flags);
	SETUP(fd >= 0, "memfd_create for %s with pages of %zu KiB", memory, page / 1024);
	SETUP(!ftruncate(fd, len), "ftruncate to %zu bytes", len);
	return fd;
}

struct region region_make_of(const char *memory, size_t pages)
{
	static const char *const kinds[] = {
		"hugetlb-shared", "hugetlb-private", "shmem-shared", "shmem-private", "anon",
	};
	struct region r = { .pages = pages, .fd = -1 };
	int how = ends(memory, "shared") ? MAP_SHARED : MAP_PRIVATE;
	bool found = false;
	char *at;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		found |= !strcmp(memory, kinds[i]);
	if (!found)
		BAIL("unknown memory '%s'", memory);

	r.page = starts(memory, "hugetlb") ? run.page_size : base_page();
	r.len = r.page * pages;
	if (!strcmp(memory, "anon"))
		how |= MAP_ANONYMOUS;
	else
		r.fd = make_file(memory, r.len, r.page);

	at = lonely_address(r.len, r.page);
	r.u = mmap(at, r.len, PROT_READ | PROT_WRITE, how | MAP_FIXED_NOREPLACE, r.fd, 0);
	SETUP(r.u == at, "mmap of U, %zu pages of %zu KiB of %s", pages, r.page / 1024, memory);
	if (r.fd >= 0) {
		at = lonely_address(r.len, r.page);
		r.a = mmap(at, r.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
			   r.fd, 0);
		SETUP(r.a == at, "mmap of A, %zu pages of %zu KiB of %s", pages, r.page / 1024,
		      memory);
	}
	SETUP(n_known < ARRAY_SIZE(known), "too many regions in one case");
	known[n_known] = r;
	n_known++;
	return r;
}

struct region region_make(size_t pages)
{
	return region_make_of(memory_kind(), pages);
}

const char *region_name(const void *addr, char *buf, size_t size)
{
	const char *p = addr;

	for (size_t i = 0; i < n_known; i++) {
		const struct region *r = &known[i];

		if (p >= r->u && p < r->u + r->len) {
			snprintf(buf, size, "U+0x%zx", (size_t)(p - r->u));
			return buf;
		}
		if (r->a && p >= r->a && p < r->a + r->len) {
			snprintf(buf, size, "A+0x%zx", (size_t)(p - r->a));
			return buf;
		}
	}
	return NULL;
}

/* Never 0, so that a hole cannot be taken for content. */
static uint64_t pattern_word(size_t index, unsigned int number, unsigned int version)
{
	return 0x0101010101010101ULL * (1 + (number * 31 + version * 7) % 251) ^
	       (uint64_t)index << 16;
}

#define WHOLE ((size_t)4 << 20)
#define EDGE ((size_t)64 << 10)
#define PARTS 512
#define SAMPLE ((size_t)4 << 10)

struct piece piece_of(size_t len, size_t number)
{
	struct piece p = { .number = number };

	if (len <= WHOLE) {
		p.len = number ? 0 : len;
	} else if (number < PARTS) {
		p.at = number * (len / PARTS);
		p.len = number ? SAMPLE : EDGE;
	} else if (number == PARTS) {
		p.at = len - EDGE;
		p.len = EDGE;
	}
	return p;
}

void fill_page(void *page, size_t len, unsigned int number, unsigned int version)
{
	uint64_t *words = page;

	FOR_PIECES(p, len)
		for (size_t i = p.at / 8; i < (p.at + p.len) / 8; i++)
			words[i] = pattern_word(i, number, version);
}

ssize_t find_mismatch(const void *page, size_t len, unsigned int number, unsigned int version)
{
	const uint64_t *words = page;

	FOR_PIECES(p, len)
		for (size_t i = p.at / 8; i < (p.at + p.len) / 8; i++)
			if (words[i] != pattern_word(i, number, version))
				return i * 8;
	return -1;
}

void fill_a(const struct region *r, size_t page, unsigned int version)
{
	fill_page(r->a + page * r->page, r->page, page, version);
}

void fill_all(const struct region *r, unsigned int version)
{
	for (size_t page = 0; page < r->pages; page++)
		fill_a(r, page, version);
}

unsigned char pattern_byte(size_t offset, unsigned int number, unsigned int version)
{
	uint64_t word = pattern_word(offset / sizeof(word), number, version);

	return ((unsigned char *)&word)[offset % sizeof(word)];
}
