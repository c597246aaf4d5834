// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_UNREGISTER, and whose registration it is: another uffd, another process. */
#include <sys/wait.h>

#include "lib/memory.h"

CASE(unregister,
     DESC("UNREGISTER: 0 on what is registered or not; EINVAL unmapped, unaligned, inside a page")
     ROWS("REG-36")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	size_t inside = memory_is_hugetlb() ? base_page() : 8;
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	const struct {
		const char *what;
		char *start;
		size_t len;
	} bad[] = {
		{ "where nothing is mapped", r.u - r.page, r.page },
		{ "from inside a page", r.u + inside, 2 * r.page - inside },
		{ "up to inside a page", r.u, r.page + inside },
		{ "from inside a page to inside another", r.u + inside, r.page },
		{ "of no bytes", r.u, 0 },
		{ "of a length that wraps", r.u, -r.page },
	};
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_ERRNO(uffd_unregister(uffd, bad[i].start, bad[i].len), EINVAL,
			     "UFFDIO_UNREGISTER %s", bad[i].what);
		EXPECT_FLAGS(r.u, "ui", "UFFDIO_UNREGISTER %s", bad[i].what);
	}
	ret = ioctl(uffd, UFFDIO_UNREGISTER, (void *)base_page());
	EXPECT(ret == -1 && errno == EFAULT, "UFFDIO_UNREGISTER with an unmapped structure: "
	       "expected -1/EFAULT, got %d/%s", ret, errno_name(ret ? errno : 0));
	EXPECT_MINOR_WORKS(uffd, &r, 0);

	/* A part, the same part again, all of it, and all of it again. */
	EXPECT_ERRNO(uffd_unregister(uffd, r.u + r.page, r.page), 0, "page 1");
	EXPECT_FLAGS(r.u + r.page, "", "UFFDIO_UNREGISTER of page 1");
	EXPECT_FLAGS(r.u + 2 * r.page, "ui", "UFFDIO_UNREGISTER of page 1");
	EXPECT_ERRNO(uffd_unregister(uffd, r.u + r.page, r.page), 0, "page 1 again");
	EXPECT_NO_FAULT(uffd, &r, 1);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "all of it");
	EXPECT_FLAGS(r.u, "", "UFFDIO_UNREGISTER of all");
	EXPECT_FLAGS(r.u + 3 * r.page, "", "UFFDIO_UNREGISTER of all");
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "all of it again");
	EXPECT_NO_FAULT(uffd, &r, 3);
	EXPECT_ERRNO(uffd_unregister(uffd_open(0), r.u, r.len), 0,
		     "UFFDIO_UNREGISTER of what was never registered with this uffd");
}

CASE(unregister_by_another,
     DESC("UNREGISTER through a uffd that does not own the range: EINVAL; up to 6.12 it works")
     ROWS("REG-37")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-37");
	struct region r = region_make(4);
	int other = uffd_open(0), owner = uffd_on(&r, 0, MODE_MINOR);

	EXPECT_ERRNO(uffd_unregister(other, r.u + r.page, r.page), want,
		     "another uffd's UFFDIO_UNREGISTER of one page");
	EXPECT_FLAGS(r.u + r.page, want ? "ui" : "", "it");
	EXPECT_FLAGS(r.u, "ui", "it, of the page behind this one");
	EXPECT_MINOR_WORKS(owner, &r, 0);
	if (want)
		EXPECT_MINOR_WORKS(owner, &r, 1);
	else
		EXPECT_NO_FAULT(owner, &r, 1);

	EXPECT_ERRNO(uffd_unregister(other, r.u, r.len), want,
		     "another uffd's UFFDIO_UNREGISTER of all of it");
	EXPECT_FLAGS(r.u, want ? "ui" : "", "it");
	EXPECT_FLAGS(r.u + 3 * r.page, want ? "ui" : "", "it");
	if (want)
		EXPECT_MINOR_WORKS(owner, &r, 2);
	EXPECT_ERRNO(uffd_unregister(owner, r.u, r.len), 0, "the owner's UFFDIO_UNREGISTER");
	EXPECT_FLAGS(r.u, "", "the owner's UFFDIO_UNREGISTER");
	EXPECT_NO_FAULT(owner, &r, 3);
}

/* What the child of the next case does with what is its parent's. */
static _Noreturn void act_for_parent(const struct region *r, int uffd, int registered)
{
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER in the child");
	EXPECT_FLAGS(r->u, "", "UFFDIO_REGISTER in the child, of the child's own memory");
	SETUP(write(registered, "", 1) == 1, "write to a pipe");
	for (size_t page = 0; page < 2; page++) {
		EXPECT_MSG(uffd, FLAG_MINOR, r->u + page * r->page);
		EXPECT_OK(uffd_continue(uffd, r->u + page * r->page, r->page, 0),
			  (int64_t)r->page, "UFFDIO_CONTINUE in the child");
	}
	_exit(EXIT_SUCCESS);
}

CASE(inherited_by_child,
     DESC("a child registers, reads and continues its parent's memory through the parent's uffd")
     ROWS("REG-42")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(3);
	int uffd = uffd_open(0), status, ends[2];
	struct toucher t;
	pid_t child;
	char byte;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	SETUP(!pipe(ends), "pipe");
	child = fork();
	SETUP(child >= 0, "fork");
	if (!child)
		act_for_parent(&r, uffd, ends[1]);
	close(ends[1]);
	/* It ended, having said why, when there is nothing to read. */
	if (read(ends[0], &byte, 1) == 1) {
		EXPECT_FLAGS(r.u, "ui", "the child's UFFDIO_REGISTER");
		EXPECT_FLAGS(r.u + 2 * r.page, "ui", "the child's UFFDIO_REGISTER");
		for (size_t page = 0; page < 2; page++) {
			touch_start_page(&t, &r, page);
			EXPECT_SEEN(&t, &r, page, 1);
		}
	}
	SETUP(waitpid(child, &status, 0) == child, "waitpid");
	if (status)
		_exit(EXIT_FAILURE);	/* the child has reported it */
	EXPECT_NO_MSG(uffd, "faults that the child has read");
	EXPECT_MINOR_WORKS(uffd, &r, 2);
}
