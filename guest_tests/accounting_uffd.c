// SPDX-License-Identifier: GPL-2.0-only
/* uffds that are closed are gone: their contexts, and the address spaces that they held. */
#include "lib/caller.h"
#include "lib/event.h"

#define BATCH 50

/* Of the registrations: MINOR, or MISSING on kernels that have no minor faults. */
static uint64_t mode;

/*
 * Have the kernel give back what is free of a slab cache: KASAN keeps freed objects in quarantine,
 * where they count as active, and this takes them out (mm/slab_common.c kmem_cache_shrink()). Not
 * every kernel has the file; what leaks it leaves as it is.
 */
static void shrink(const char *cache)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	SETUP(write(fd, "1", 1) == 1, "write to %s", path);
	close(fd);
}

/* Active objects of a slab cache, as /proc/slabinfo counts them: free ones in use, too. */
static long active_objects(const char *cache)
{
	char line[512], name[64];
	long active = -1, n;
	FILE *f;

	shrink(cache);
	f = fopen("/proc/slabinfo", "re");
	SETUP(f, "open /proc/slabinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &n) == 2 && !strcmp(name, cache))
			active = n;
	fclose(f);
	errno = 0;
	SETUP(active >= 0, "/proc/slabinfo has no %s", cache);
	return active;
}

/* No page of U is mapped.  What CONTINUE needs is there; what COPY would make is not. */
static void unmapped(const struct region *r)
{
	int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (mode == MODE_MISSING)
		SETUP(!fallocate(r->fd, hole, 0, (off_t)r->len), "fallocate(PUNCH_HOLE)");
	else
		SETUP(!madvise(r->u, r->len, MADV_DONTNEED), "MADV_DONTNEED");
}

static struct outcome resolve(int uffd, char *at, size_t len)
{
	static char source[2 << 16];

	if (mode == MODE_MINOR)
		return uffd_continue(uffd, at, len, 0);
	SETUP(len <= sizeof(source), "a source of %zu bytes", len);
	return uffd_copy(uffd, at, source, len);
}

/* What happens to each uffd between opening and closing. */
struct use {
	const char *what;
	void (*act)(const struct region *r, int uffd);
	int batches;
	bool together;		/* closed batch by batch, not one by one */
	uint64_t features;
};

static void nothing(const struct region *r, int uffd)
{
	(void)r;
	(void)uffd;
}

static void registered(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER");
	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), 0, "UFFDIO_UNREGISTER");
}

static void refused(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, 0), EINVAL, "UFFDIO_REGISTER of no mode");
	EXPECT_ERRNO(resolve(uffd, r->u, r->len), ENOENT, "a resolver of what is not registered");
	EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
}

/* Closed while it has the range: the next one can have it. */
static void left_registered(const struct region *r, int uffd)
{
	unmapped(r);
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER");
	EXPECT_ERRNO(resolve(uffd, r->u, r->len), 0, "UFFDIO_CONTINUE or UFFDIO_COPY");
	SETUP(!munmap(r->u, r->len), "munmap");
	SETUP(mmap(r->u, r->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r->fd, 0) == r->u,
	      "mmap of U");
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER again");
}

/* Each of the ways out of handle_userfault() gives back what the fault took. */
static void served(const struct region *r, int uffd)
{
	struct toucher t;

	unmapped(r);
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER");
	touch_start(&t, TOUCH_READ, r->u + r->page);
	EXPECT_MSG(uffd, mode == MODE_MINOR ? FLAG_MINOR : 0, r->u + r->page);
	EXPECT_ERRNO(resolve(uffd, r->u + r->page, r->page), 0, "UFFDIO_CONTINUE or UFFDIO_COPY");
	EXPECT_FINISHED(&t, "resolved");
}

/* madvise waits for its event to be read. */
static void told(const struct region *r, int uffd)
{
	struct caller c;

	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER");
	call_start(&c, SYS_madvise, (long)r->u, (long)r->len, MADV_DONTNEED);
	EXPECT_REMOVE(uffd, r->u, r->len);
	EXPECT_RETURNED(&c, 0, 0, "MADV_DONTNEED, its event read");
}

static void expect_bounded(const struct region *r, const struct use *use)
{
	const int total = use->batches * BATCH;
	long before = active_objects("userfaultfd_ctx_cache"), after;
	int uffds[BATCH];

	for (int batch = 0; batch < use->batches; batch++) {
		for (int i = 0; i < BATCH; i++) {
			uffds[i] = uffd_open(use->features);
			use->act(r, uffds[i]);
			if (!use->together)
				close(uffds[i]);
		}
		for (int i = 0; use->together && i < BATCH; i++)
			close(uffds[i]);
	}
	after = active_objects("userfaultfd_ctx_cache");
	/*
	 * Slabs of 30 or so contexts, some of them kept for each processor: two sheaves of 60 on a
	 * 32-bit 7.x (mm/slub.c).
	 */
	EXPECT(after - before < total / 3, "%d uffds, %s, opened and closed: the active objects of "
	       "userfaultfd_ctx_cache went from %ld to %ld", total, use->what, before, after);
}

static void expect_all_bounded(const struct use *uses, size_t n)
{
	struct region r = region_make_of("shmem-shared", 2);

	mode = !strcmp(expected("ACC-14"), "minor") ? MODE_MINOR : MODE_MISSING;
	for (size_t i = 0; mode == MODE_MINOR && i < r.pages; i++)
		fill_a(&r, i, 1);
	for (size_t i = 0; i < n; i++)
		expect_bounded(&r, &uses[i]);
}

CASE(contexts_are_freed,
     DESC("2000 uffds opened, used and closed: the contexts that are kept stay few")
     ROWS("ACC-14")
     NEEDS("CONFIG_SHMEM")
     TIMEOUT(20))
{
	static const struct use uses[] = {
		{ "nothing done with them", nothing, 20, true, 0 },
		{ "registered and unregistered", registered, 10, true, 0 },
		{ "everything refused", refused, 5, true, 0 },
		{ "closed with a range", left_registered, 5, false, 0 },
	};

	expect_all_bounded(uses, ARRAY_SIZE(uses));
}

CASE(contexts_of_waiters_are_freed,
     DESC("1000 uffds with a fault that was served or an event that was read: few are kept")
     ROWS("ACC-14")
     NEEDS("CONFIG_SHMEM")
     TIMEOUT(20))
{
	static const struct use uses[] = {
		{ "a fault served", served, 10, false, 0 },
		{ "an event read", told, 10, false, UFFD_FEATURE_EVENT_REMOVE },
	};

	expect_all_bounded(uses, ARRAY_SIZE(uses));
}
