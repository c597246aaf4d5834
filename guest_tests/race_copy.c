// SPDX-License-Identifier: GPL-2.0-only
/* COPY that has let go of the locks, while its target is mapped anew. */
#include "lib/crew.h"

struct copying {
	int uffd;
	const char *to, *from;
	size_t len;
	struct outcome got;
};

static void *copy(void *arg)
{
	struct copying *c = arg;

	c->got = uffd_copy(c->uffd, c->to, c->from, c->len);
	return NULL;
}

/*
 * The source is a missing page of another uffd: the kernel has let go of the mapping by the time
 * it waits for that, and we take the mapping away and put another of the same kind there.
 */
CASE(copy_whose_mapping_went,
     DESC("COPY whose source is faulted in, while its target is mapped anew: EAGAIN, no page")
     ROWS("CCY-07")
     MEMORY("shmem-shared"))
{
	struct region r = region_make(2), source = region_make_of("anon", 1);
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	int lender = uffd_on(&source, 0, MODE_MISSING);
	struct copying c = { .uffd = uffd, .to = r.u, .from = source.u, .len = r.page };
	char *data = aligned_alloc(r.page, r.page);
	void *args[1] = { &c };
	struct toucher t;
	pthread_t thread;

	SETUP(data, "aligned_alloc");
	fill_page(data, r.page, 0, 3);
	run_threads(&thread, 1, copy, args);
	EXPECT_MSG(lender, 0, source.u);
	SETUP(mmap(r.u, r.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r.fd, 0) == r.u,
	      "mmap of U anew");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0, "UFFDIO_REGISTER anew");
	EXPECT_ERRNO(uffd_copy(lender, source.u, data, r.page), 0, "UFFDIO_COPY of the source");
	JOIN_THREADS(&thread, 1, "thread in UFFDIO_COPY");
	EXPECT_ERR(c.got, EAGAIN, "UFFDIO_COPY whose target was mapped anew meanwhile");
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, 0, r.u);
	/* Tried again, it works. */
	EXPECT_OK(uffd_copy(uffd, r.u, source.u, r.page), (int64_t)r.page, "UFFDIO_COPY again");
	EXPECT_SEEN(&t, &r, 0, 3);
}
