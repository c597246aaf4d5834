// SPDX-License-Identifier: GPL-2.0-only
/* A minor fault that waits to be resolved. */
#include "pending.h"

void pending_fault(struct pending *p, const struct region *r, uint64_t mode)
{
	p->r = r;
	fill_a(r, 0, 1);
	p->uffd = uffd_on(r, 0, mode);
	touch_start_page(&p->t, r, 0);
	EXPECT_MSG(p->uffd, FLAG_MINOR, r->u);
	p->nap = EXPECT_ASLEEP(&p->t, "not resolved yet");
}

void expect_still_pending(struct pending *p, const char *after)
{
	const struct region *r = p->r;

	EXPECT_UNWOKEN(&p->t, p->nap, "after %s", after);
	EXPECT_NO_MSG(p->uffd, "after %s", after);
	EXPECT_EQ(find_mismatch(r->a, r->page, 0, 1), -1, "first byte of A changed by %s", after);
	EXPECT_OK(uffd_continue(p->uffd, r->u, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE after %s", after);
	EXPECT_SEEN(&p->t, r, 0, 1);
}

char *new_page(const struct region *r)
{
	char *page = aligned_alloc(base_page(), r->page);

	SETUP(page, "aligned_alloc of %zu bytes", r->page);
	fill_page(page, r->page, 0, 9);
	return page;
}
