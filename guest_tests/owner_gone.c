// SPDX-License-Identifier: GPL-2.0-only
/* A uffd that outlives the process whose memory it is about. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/uffd_test.h"

/* What the owner leaves: its descriptors are this process's, too. */
struct estate {
	int uffd;
	struct region r;	/* at addresses of the owner's */
	atomic_bool ready;
};

/* A fault waits, with its message unread or read. */
static void be_owner(struct estate *e, uint64_t features, bool read_it)
{
	struct toucher t;
	struct uffd_msg msg;

	e->r = region_make(2);
	fill_a(&e->r, 0, 1);
	e->uffd = uffd_open(features);
	SETUP(!uffd_register(e->uffd, e->r.u, e->r.len, MODE_MINOR).err, "UFFDIO_REGISTER");
	touch_start(&t, TOUCH_READ, e->r.u);
	if (read_it)
		SETUP(uffd_read(e->uffd, &msg, patience_ms()), "no message");
	else
		while (fdinfo_number(e->uffd, "pending") != 1)
			sleep_ms(1);
	atomic_store(&e->ready, true);
	pause();
}

/* Make an owner, and have it killed. */
static struct estate *inherit(uint64_t features, bool read_it)
{
	struct estate *e = mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t owner;

	SETUP(e != MAP_FAILED, "mmap of shared memory");
	owner = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	SETUP(owner >= 0, "clone with CLONE_FILES");
	if (!owner)
		be_owner(e, features, read_it);
	for (int64_t end = now_ms() + patience_ms(); !atomic_load(&e->ready) && now_ms() < end;) {
		if (waitpid(owner, NULL, WNOHANG))
			_exit(EXIT_FAILURE);	/* it has reported why */
		sleep_ms(1);
	}
	errno = 0;
	SETUP(atomic_load(&e->ready), "the owner does not get ready");
	SETUP(!kill(owner, SIGKILL), "kill");
	EXPECT_EQ(waitpid(owner, NULL, 0), owner, "end of a process with a waiting fault");
	return e;
}

static void expect_nobody(const struct estate *e)
{
	const struct region *r = &e->r;
	struct uffd_msg msg;
	char *page = malloc(r->page);

	SETUP(page, "malloc of %zu bytes", r->page);
	EXPECT_EQ(uffd_read(e->uffd, &msg, 0), false, "a message of a process that is gone");
	EXPECT_EQ(fdinfo_number(e->uffd, "pending"), 0, "pending, the owner gone");
	EXPECT_EQ(fdinfo_number(e->uffd, "total"), 0, "total, the owner gone");
	EXPECT_REFUSED(uffd_continue(e->uffd, r->u, r->page, 0), ESRCH, "UFFDIO_CONTINUE");
	EXPECT_REFUSED(uffd_continue(e->uffd, r->u, r->len, UFFDIO_CONTINUE_MODE_DONTWAKE), ESRCH,
		       "UFFDIO_CONTINUE with DONTWAKE");
	EXPECT_REFUSED(uffd_copy(e->uffd, r->u, page, r->page), ESRCH, "UFFDIO_COPY");
	EXPECT_REFUSED(uffd_zeropage(e->uffd, r->u, r->page), ESRCH, "UFFDIO_ZEROPAGE");
	EXPECT_ERRNO(uffd_writeprotect(e->uffd, r->u, r->page, 0), ESRCH, "UFFDIO_WRITEPROTECT");
	EXPECT_REFUSED(uffd_register(e->uffd, r->u, r->len, MODE_MINOR), ENOMEM,
		       "UFFDIO_REGISTER");
	EXPECT_ERRNO(uffd_unregister(e->uffd, r->u, r->len), ENOMEM, "UFFDIO_UNREGISTER");
	EXPECT_ERRNO(uffd_wake(e->uffd, r->u, r->len), 0, "UFFDIO_WAKE");
	/* What is asked before the owner is looked for. */
	EXPECT_REFUSED(uffd_continue(e->uffd, r->u + 1, r->page, 0), EINVAL,
		       "UFFDIO_CONTINUE, unaligned");
	EXPECT_EQ(close(e->uffd), 0, "close of the uffd");
}

CASE(owner_killed,
     DESC("owner gone: CONTINUE and COPY give ESRCH, REGISTER and UNREGISTER ENOMEM, WAKE 0")
     ROWS("CON-27")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_nobody(inherit(0, true));
}

CASE(owner_killed_with_events,
     DESC("owner gone with every event asked for and a message unread: no event of its end")
     ROWS("CON-27")
     MEMORY("hugetlb-shared shmem-shared"))
{
	uint64_t features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
			    UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP;

	expect_nobody(inherit(features, false));
}
