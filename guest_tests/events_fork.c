// SPDX-License-Identifier: GPL-2.0-only
/* fork(2) of a process with registered memory, with UFFD_FEATURE_EVENT_FORK and without. */
#include <sched.h>
#include <sys/resource.h>

#include "lib/child.h"
#include "lib/event.h"
#include "lib/memory.h"

CASE(fork_alone,
     DESC("fork without EVENT_FORK: the child is not armed and waits for nobody, the parent is")
     ROWS("INT-01")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	/* Every other event: nothing of the child's may show here. */
	uint64_t features = UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE |
			    UFFD_FEATURE_EVENT_UNMAP;
	struct region r = region_make(4);
	struct child child;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	fill_a(&r, 2, 1);
	uffd = uffd_on(&r, features, MODE_MINOR | MODE_MISSING);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	child_make(&child);
	EXPECT_FLAGS_OF(child.pid, r.u, "", "fork, the child's memory");
	EXPECT_FLAGS_OF(child.pid, r.u + 3 * r.page, "", "fork, the child's memory");
	EXPECT_FLAGS(r.u, "ui um", "fork, the parent's memory");

	child_read_page(&child, &r, 0, 1);
	EXPECT_CHILD_DONE(&child, "read of a page that the parent had mapped");
	child_read_page(&child, &r, 1, 1);
	EXPECT_CHILD_DONE(&child, "read of a page that the parent had not mapped");
	child_write(&child, r.u + 2 * r.page, 0x42);
	EXPECT_CHILD_DONE(&child, "write to a page that the parent had not mapped");
	EXPECT_EQ(r.a[2 * r.page], 0x42, "A after the child's write");
	child_write(&child, r.u + 3 * r.page, 0x43);
	EXPECT_CHILD_DONE(&child, "write to a hole");
	EXPECT_EQ(r.a[3 * r.page], 0x43, "A after the child's write to a hole");
	child_call(&child, SYS_madvise, (long)r.u, r.page, MADV_REMOVE);
	EXPECT_CHILD_DONE(&child, "MADV_REMOVE in the child");
	child_call(&child, SYS_munmap, (long)r.u, r.len);
	EXPECT_CHILD_DONE(&child, "munmap in the child");
	EXPECT_NO_MSG(uffd, "all that the child did");

	EXPECT_MINOR_WORKS(uffd, &r, 2);
	child_end(&child);
	EXPECT_MINOR_WORKS(uffd, &r, 1);
	EXPECT_FLAGS(r.u, "ui um", "the child's end");
	EXPECT_NO_MSG(uffd, "the child's end");
}

/* A fork must have waited for its event; then take it, and the child's uffd. */
static int take_fork(int uffd, struct child *child)
{
	struct nap nap = EXPECT_WAITING(&child->birth, "D", "fork with EVENT_FORK");
	int uffd_of_child;

	EXPECT_UNREAD(uffd, "fork with EVENT_FORK");
	EXPECT_STILL_WAITING(&child->birth, nap, "fork, its event not read");
	uffd_of_child = EXPECT_FORK(uffd);
	child_born(child);
	EXPECT_EQ(child->pid > 0, true, "what fork returned is a process");
	EXPECT_NO_MSG(uffd, "fork, its event read");
	return uffd_of_child;
}

CASE(fork_event,
     DESC("fork with EVENT_FORK waits for its message, which brings a uffd that serves the child")
     ROWS("INT-02 OBS-11")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	uint64_t features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_THREAD_ID;
	struct region r = region_make(4);
	struct toucher t;
	struct child child;
	struct uffd_msg msg;
	int uffd, other;

	fill_all(&r, 1);
	uffd = uffd_on(&r, features, MODE_MINOR);
	child_start(&child, 0);
	other = take_fork(uffd, &child);
	EXPECT_EQ(other != uffd, true, "the child's uffd is another one");
	EXPECT_FLAGS_OF(child.pid, r.u, "ui", "fork with EVENT_FORK, the child's memory");
	EXPECT_FLAGS(r.u, "ui", "fork with EVENT_FORK, the parent's memory");

	child_read_page(&child, &r, 1, 1);
	msg = EXPECT_MSG(other, FLAG_MINOR, r.u + r.page);
	EXPECT_EQ(msg.arg.pagefault.feat.ptid, child.pid, "ptid of the child's fault");
	EXPECT_NO_MSG(uffd, "the child's fault");
	/* The same page of the parent: its own fault, its own message. */
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "the parent's UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	EXPECT_CHILD_WAITS(&child, "the parent's page was resolved");
	EXPECT_NO_MSG(other, "the parent's fault");
	EXPECT_OK(uffd_continue(other, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "the child's UFFDIO_CONTINUE");
	EXPECT_CHILD_DONE(&child, "UFFDIO_CONTINUE through the child's uffd");

	child_write(&child, r.u + 2 * r.page, 0x42);
	EXPECT_MSG(other, FLAG_MINOR | FLAG_WRITE, r.u + 2 * r.page);
	EXPECT_OK(uffd_continue(other, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "the child's UFFDIO_CONTINUE for a write");
	EXPECT_CHILD_DONE(&child, "write");
	EXPECT_EQ(r.a[2 * r.page], 0x42, "A after the child's write");
	EXPECT_NO_MSG(other, "all resolved");

	/* The end of one is not the end of the other. */
	close(other);
	child_read_page(&child, &r, 3, 1);
	EXPECT_CHILD_DONE(&child, "read, the child's uffd closed");
	EXPECT_FLAGS_OF(child.pid, r.u, "", "close of the child's uffd");
	EXPECT_MINOR_WORKS(uffd, &r, 3);
	child_end(&child);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
}

CASE(fork_in_child,
     DESC("a child's own fork is told through the child's uffd; what is registered there is its own")
     ROWS("INT-02")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2), more = region_make(2);
	struct child child, grandchild;
	int uffd, second, third;

	fill_all(&r, 1);
	fill_all(&more, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_EVENT_FORK, MODE_MINOR);
	child_prepare(&grandchild);
	child_start(&child, 0);
	second = take_fork(uffd, &child);
	/* Of the child alone: the parent has the same memory at the same address. */
	EXPECT_ERRNO(uffd_register(second, more.u, more.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of more of the child's memory");
	EXPECT_FLAGS_OF(child.pid, more.u, "ui", "UFFDIO_REGISTER, the child's memory");
	EXPECT_FLAGS(more.u, "", "UFFDIO_REGISTER, the parent's memory");

	child_fork(&child, &grandchild);
	EXPECT_UNREAD(second, "fork in the child");
	EXPECT_CHILD_WAITS(&child, "fork in the child, its event not read");
	EXPECT_NO_MSG(uffd, "fork in the child");
	third = EXPECT_FORK(second);
	EXPECT_CHILD_DONE(&child, "fork in the child");
	grandchild.pid = child.answer->ret;
	EXPECT_FLAGS_OF(grandchild.pid, r.u, "ui", "fork in the child, the grandchild's memory");
	EXPECT_FLAGS_OF(grandchild.pid, more.u, "ui", "fork in the child, what only that had");

	child_read_page(&grandchild, &r, 1, 1);
	EXPECT_MSG(third, FLAG_MINOR, r.u + r.page);
	child_read_page(&child, &r, 1, 1);
	EXPECT_MSG(second, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(third, r.u, r.len, 0), (int64_t)r.len,
		  "the grandchild's UFFDIO_CONTINUE");
	EXPECT_CHILD_DONE(&grandchild, "UFFDIO_CONTINUE through the grandchild's uffd");
	EXPECT_CHILD_WAITS(&child, "the grandchild's page was resolved");
	EXPECT_OK(uffd_continue(second, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "the child's UFFDIO_CONTINUE");
	EXPECT_CHILD_DONE(&child, "UFFDIO_CONTINUE through the child's uffd");
	child_read_page(&grandchild, &more, 0, 1);
	EXPECT_MSG(third, FLAG_MINOR, more.u);
	EXPECT_OK(uffd_continue(third, more.u, more.page, 0), (int64_t)more.page,
		  "UFFDIO_CONTINUE of what the child registered");
	EXPECT_CHILD_DONE(&grandchild, "read of what the child registered");
	EXPECT_NO_MSG(uffd, "faults of the others");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_NO_FAULT(uffd, &more, 0);
}

CASE(fork_event_cannot_be_delivered,
     DESC("a FORK message is not lost where no descriptor is free: the read gives EMFILE")
     ROWS("INT-02")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, UFFD_FEATURE_EVENT_FORK, MODE_MINOR);
	struct rlimit limit, none;
	struct uffd_msg msg;
	struct child child;
	struct nap nap;
	ssize_t n;
	int err;

	fill_all(&r, 1);
	child_start(&child, 0);
	nap = EXPECT_WAITING(&child.birth, "D", "fork with EVENT_FORK");
	EXPECT_UNREAD(uffd, "fork with EVENT_FORK");
	SETUP(!getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	none = (struct rlimit){ 0, limit.rlim_max };
	SETUP(!setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	n = read(uffd, &msg, sizeof(msg));
	err = errno;
	SETUP(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	EXPECT(n == -1 && err == EMFILE, "read with no descriptor free: expected -1/EMFILE, got "
	       "%zd/%s", n, errno_name(n < 0 ? err : 0));
	EXPECT_STILL_WAITING(&child.birth, nap, "the read of its event has failed");
	uffd = take_fork(uffd, &child);
	child_read_page(&child, &r, 0, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_CHILD_DONE(&child, "UFFDIO_CONTINUE through the child's uffd");
}

CASE(fork_event_nobody_reads,
     DESC("close of the uffd ends a fork's wait for its message; the child is not armed then")
     ROWS("INT-02")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd = uffd_on(&r, UFFD_FEATURE_EVENT_FORK, MODE_MINOR);
	struct child child;

	fill_all(&r, 1);
	/* A child with descriptors of its own would keep the uffd open. */
	child_start(&child, CLONE_FILES);
	EXPECT_WAITING(&child.birth, "D", "fork with EVENT_FORK");
	close(uffd);
	child_born(&child);
	EXPECT_FLAGS_OF(child.pid, r.u, "", "close of the uffd, the child's memory");
	EXPECT_FLAGS(r.u, "", "close of the uffd, the parent's memory");
	child_read_page(&child, &r, 1, 1);
	EXPECT_CHILD_DONE(&child, "read, the uffd closed");
	EXPECT_READABLE(&r, 1, 1);
}
