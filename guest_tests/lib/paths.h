/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways through a fault and its resolvers.  After each of them the file must take a seal, for
 * which every reference count must be exact, and its huge pages must be free again (held.h).
 */
#ifndef UFFD_TEST_PATHS_H
#define UFFD_TEST_PATHS_H

#include "uffd_test.h"

/* Every path is in the code of all sizes: one of the others is enough. */
#define SIZE_64K " hugetlb-shared-64K hugetlb-private-64K"

struct path {
	const char *what;
	/* Pages 0 to 2 are present, page 3 is a hole, and must be again; none is mapped in U. */
	void (*walk)(const struct region *r, int uffd);
};

/* Walk each path three times, with a region of its own registered MINOR. */
void walk_all(const struct path *paths, size_t n);

/* CONTINUE of @pages pages from the page @first on; @mapped: pages, or -E. */
void walk_continue(const struct region *r, int uffd, size_t first, size_t pages, int err,
		   int64_t mapped);

#endif
