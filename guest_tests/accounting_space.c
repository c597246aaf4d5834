// SPDX-License-Identifier: GPL-2.0-only
/* A process that has ended is gone with all its memory, whatever it asked of a uffd before. */
#include <sys/wait.h>

#include "lib/held.h"
#include "lib/memory.h"

/* Pages 0 to 2 are present, page 3 is a hole; U is registered MINOR, and nothing of it mapped. */
static void register_refused(const struct region *r, int uffd)
{
	struct region other = region_make_of("anon", 1);

	(void)r;
	EXPECT_REFUSED(uffd_register(uffd, other.u, other.len, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER of anonymous memory");
	unmap_at(other.u, other.len);
	EXPECT_REFUSED(uffd_register(uffd, other.u, other.len, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER of nothing");
}

static void unregister(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), 0, "UFFDIO_UNREGISTER");
}

static void unregister_refused(const struct region *r, int uffd)
{
	unmap_at(r->u, r->len);
	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), EINVAL, "UFFDIO_UNREGISTER of nothing");
}

static void resolve(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_continue(uffd, r->u, 2 * r->page, 0), 0, "UFFDIO_CONTINUE");
}

static void resolve_refused(const struct region *r, int uffd)
{
	resolve(r, uffd);
	EXPECT_ERRNO(uffd_continue(uffd, r->u, r->page, 0), EEXIST, "UFFDIO_CONTINUE again");
	EXPECT_ERRNO(uffd_continue(uffd, r->u + 3 * r->page, r->page, 0), EFAULT,
		     "UFFDIO_CONTINUE of a hole");
	EXPECT_ERRNO(uffd_continue(uffd, r->u + 2 * r->page, 2 * r->page, 0), EAGAIN,
		     "UFFDIO_CONTINUE up to a hole");
	EXPECT_ERRNO(uffd_continue(uffd, r->a, r->page, 0), ENOENT,
		     "UFFDIO_CONTINUE of what is not registered");
}

static void copy_refused(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_copy(uffd, r->u, r->a + r->page, r->page), EEXIST,
		     "UFFDIO_COPY over a page of the file");
}

static void zeropage_refused(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_zeropage(uffd, r->u, r->page), memory_is_hugetlb() ? EINVAL : EEXIST,
		     "UFFDIO_ZEROPAGE over a page of the file");
}

static void protect_refused(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_writeprotect(uffd, r->u, r->page, UFFDIO_WRITEPROTECT_MODE_WP), ENOENT,
		     "UFFDIO_WRITEPROTECT without MODE_WP");
}

static void wake(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
}

static void serve(const struct region *r, int uffd)
{
	EXPECT_MINOR_WORKS(uffd, r, 1);
}

static const struct act {
	const char *what;
	void (*act)(const struct region *r, int uffd);
} acts[] = {
	{ "UFFDIO_REGISTER that is refused", register_refused },
	{ "UFFDIO_UNREGISTER", unregister },
	{ "UFFDIO_UNREGISTER that is refused", unregister_refused },
	{ "UFFDIO_CONTINUE", resolve },
	{ "UFFDIO_CONTINUE that is refused", resolve_refused },
	{ "UFFDIO_COPY that is refused", copy_refused },
	{ "UFFDIO_ZEROPAGE that is refused", zeropage_refused },
	{ "UFFDIO_WRITEPROTECT that is refused", protect_refused },
	{ "UFFDIO_WAKE", wake },
	{ "a fault that is served", serve },
};

/* In a process of its own, which has A mapped as well. */
static void act_and_end(const struct act *act, const struct region *r)
{
	pid_t pid = fork();
	int status;

	SETUP(pid >= 0, "fork");
	if (!pid) {
		int uffd = uffd_on(r, 0, MODE_MINOR);

		for (size_t page = 0; page < 3; page++)
			(void)*(volatile char *)(r->a + page * r->page);
		act->act(r, uffd);
		_exit(EXIT_SUCCESS);
	}
	SETUP(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status)
		_exit(EXIT_FAILURE);		/* it has said why */
}

CASE(calls_keep_no_address_space,
     DESC("after each call on a uffd, done or refused, its process ends with all its mappings")
     ROWS("ACC-16")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct pool before = pool_now();
	struct region r = region_make(4);

	for (size_t page = 0; page < 3; page++)
		fill_a(&r, page, 1);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		act_and_end(&acts[i], &r);
		for (size_t page = 0; page < 3; page++)
			EXPECT_EQ(page_mapcount(r.a + page * r.page), 1, "kpagecount of page %zu, whose "
				  "other process has ended after %s", page, acts[i].what);
	}
	EXPECT_NOTHING_HELD(&r, before, "all those processes");
}
