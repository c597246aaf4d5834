/* SPDX-License-Identifier: GPL-2.0-only */
/* A minor fault that waits to be resolved, and that it still does. */
#ifndef UFFD_TEST_PENDING_H
#define UFFD_TEST_PENDING_H

#include "asleep.h"

struct pending {
	const struct region *r;
	int uffd;
	struct toucher t;	/* reads the whole of page 0, which is version 1 */
	struct nap nap;
};

/* Register U in @mode and fault on its first page: message read, thread asleep. */
void pending_fault(struct pending *p, const struct region *r, uint64_t mode);
/* Something was refused, and nothing happened: the fault can still be resolved as it was. */
void expect_still_pending(struct pending *p, const char *after);
/* A page of version 9, to copy from. */
char *new_page(const struct region *r);

#endif
