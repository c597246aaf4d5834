// SPDX-License-Identifier: GPL-2.0-only
/* uffds that are closed are gone: their contexts, and the address spaces that they held. */
#include "lib/held.h"

#define BATCH 50

/* Active objects of a slab cache, as /proc/slabinfo counts them: free ones in use, too. */
static long active_objects(const char *cache)
{
	char line[512], name[64];
	long active = -1, n;
	FILE *f = fopen("/proc/slabinfo", "re");

	SETUP(f, "open /proc/slabinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &n) == 2 && !strcmp(name, cache))
			active = n;
	fclose(f);
	errno = 0;
	SETUP(active >= 0, "/proc/slabinfo has no %s", cache);
	return active;
}

/* What happens to each uffd between opening and closing. */
typedef void use_fn(const struct region *r, int uffd);

static void nothing(const struct region *r, int uffd)
{
	(void)r;
	(void)uffd;
}

static void registered(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MINOR), 0, "UFFDIO_REGISTER");
	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), 0, "UFFDIO_UNREGISTER");
}

static void refused(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, 0), EINVAL, "UFFDIO_REGISTER of no mode");
	EXPECT_ERRNO(uffd_continue(uffd, r->u, r->len, 0), ENOENT, "UFFDIO_CONTINUE");
	EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
}

/* Closed while it has the range: the next one can have it. */
static void left_registered(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MINOR), 0, "UFFDIO_REGISTER");
	EXPECT_ERRNO(uffd_continue(uffd, r->u, r->len, 0), 0, "UFFDIO_CONTINUE");
	SETUP(!munmap(r->u, r->len), "munmap");
	SETUP(mmap(r->u, r->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r->fd, 0) == r->u,
	      "mmap of U");
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MINOR), 0, "UFFDIO_REGISTER again");
}

static void expect_bounded(const struct region *r, use_fn *use, int batches, bool together,
			   const char *what)
{
	const int total = batches * BATCH;
	long before = active_objects("userfaultfd_ctx_cache"), after;
	int uffds[BATCH];

	for (int batch = 0; batch < batches; batch++) {
		for (int i = 0; i < BATCH; i++) {
			uffds[i] = uffd_open(0);
			use(r, uffds[i]);
			if (!together)
				close(uffds[i]);
		}
		for (int i = 0; together && i < BATCH; i++)
			close(uffds[i]);
	}
	after = active_objects("userfaultfd_ctx_cache");
	/* Slabs of 30 or so contexts, some of them kept for each processor. */
	EXPECT(after - before < total / 4, "%d uffds, %s, opened and closed: the active objects of "
	       "userfaultfd_ctx_cache went from %ld to %ld", total, what, before, after);
}

CASE(contexts_are_freed,
     DESC("2000 uffds opened, used and closed: the contexts that are kept stay few")
     ROWS("ACC-14")
     TIMEOUT(20))
{
	struct region r = region_make_of("shmem-shared", 2);

	for (size_t i = 0; i < r.pages; i++)
		fill_a(&r, i, 1);
	expect_bounded(&r, nothing, 20, true, "nothing done with them");
	expect_bounded(&r, registered, 10, true, "registered and unregistered");
	expect_bounded(&r, refused, 5, true, "everything refused");
	expect_bounded(&r, left_registered, 5, false, "closed with a range");
}
