// SPDX-License-Identifier: GPL-2.0-only
/* Ways through a fault and its resolvers, and that none of them keeps a page. */
#include "held.h"
#include "memory.h"
#include "paths.h"

/* What one round takes, the next must not find. */
#define ROUNDS 3

static void map_anew(const struct region *r, int uffd)
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;

	map_at(r, r->u, 0, r->pages, PROT_READ | PROT_WRITE, how);
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MINOR), 0, "UFFDIO_REGISTER");
}

void walk_all(const struct path *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pool before = pool_now();
		struct region r = region_make(4);
		int uffd = uffd_open(0);

		/* A word is enough: what the pages hold is not the question here. */
		for (size_t page = 0; page < 3; page++)
			*(volatile uint32_t *)(r.a + page * r.page) = 0x5eed;
		for (int round = 0; round < ROUNDS; round++) {
			map_anew(&r, uffd);
			paths[i].walk(&r, uffd);
		}
		close(uffd);
		EXPECT_NOTHING_HELD(&r, before, "%d times %s", ROUNDS, paths[i].what);
	}
}

void walk_continue(const struct region *r, int uffd, size_t first, size_t pages, int err,
		   int64_t mapped)
{
	EXPECT_OUTCOME(uffd_continue(uffd, r->u + first * r->page, pages * r->page, 0), err,
		       mapped > 0 ? mapped * (int64_t)r->page : mapped,
		       "UFFDIO_CONTINUE of pages %zu to %zu", first, first + pages - 1);
}
