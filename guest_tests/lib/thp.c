// SPDX-License-Identifier: GPL-2.0-only
/* Shared memory in transparent huge pages. */
#include "memory.h"
#include "pagemap.h"
#include "thp.h"

#ifndef MADV_COLLAPSE			/* 6.1 */
#define MADV_COLLAPSE 25
#endif

size_t thp_size(void)
{
	return number_in("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
}

struct region region_thp(size_t thps)
{
	size_t pages = thps * thp_size() / base_page();
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED, prot = PROT_READ | PROT_WRITE;
	struct region r = region_make(pages), u, a;

	/* The same file, elsewhere: a huge page's entry needs an address at a multiple of it. */
	u = map_at(&r, room_make(r.len, thp_size()), 0, pages, prot, how);
	a = map_at(&r, room_make(r.len, thp_size()), 0, pages, prot, MAP_SHARED);
	unmap_at(r.u, r.len);
	unmap_at(r.a, r.len);
	r.u = u.u;
	r.a = a.u;
	return r;
}

static uint32_t word_of(size_t page)
{
	return 0x5eed0000 + (uint32_t)page;
}

void fill_words(const struct region *r, size_t first, size_t pages)
{
	for (size_t i = first; i < first + pages; i++)
		*(volatile uint32_t *)(r->a + i * r->page + i % 64 * 4) = word_of(i);
}

void expect_words_at(const char *file, int line, const char *at, size_t first, size_t pages,
		     const char *fmt, ...)
{
	size_t page = base_page();
	char text[300];

	count_assertion();
	FORMAT(text);
	for (size_t i = first; i < first + pages; i++) {
		uint32_t got = *(volatile uint32_t *)(at + i * page + i % 64 * 4);

		if (got != word_of(i))
			fail_at(file, line, "%s: page %zu has 0x%08x, expected 0x%08x", text, i, got,
				word_of(i));
	}
}

int collapse(void *at, size_t len)
{
	/* A page that the kernel has just moved or not yet put on a list: EAGAIN (its man page). */
	for (int tries = 0; tries < 100; tries++) {
		if (!madvise(at, len, MADV_COLLAPSE))
			return 0;
		if (errno != EAGAIN)
			return errno;
		sleep_ms(1);
	}
	return EAGAIN;
}

uint64_t pmd_mapped(const void *at)
{
	unsigned long long start, end, want = (uintptr_t)at, kib = 0;
	bool inside = false, found = false;
	char line[512], perms[5];
	FILE *f = fopen("/proc/self/smaps", "re");

	SETUP(f, "open /proc/self/smaps");
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx %4s ", &start, &end, perms) == 3)
			inside = want >= start && want < end;
		else if (inside)
			found = sscanf(line, "ShmemPmdMapped: %llu kB", &kib) == 1;
	}
	fclose(f);
	errno = 0;
	SETUP(found, "/proc/self/smaps has no ShmemPmdMapped for %p", at);
	return kib * 1024;
}

void make_huge(const struct region *r)
{
	int err = collapse(r->a, r->len);

	errno = err;
	SETUP(!err, "MADV_COLLAPSE of A");
	errno = 0;
	for (size_t at = 0; at < r->len; at += thp_size())
		SETUP(page_flags(r->a + at) & PAGE_IS_THP, "A's page at 0x%zx is not huge", at);
}
