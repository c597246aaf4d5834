// SPDX-License-Identifier: GPL-2.0-only
/* No CONTINUE, and no end of a fault, keeps a reference to a page. */
#include <signal.h>

#include "lib/asleep.h"
#include "lib/paths.h"

static void expect_seed(struct toucher *t, const char *what)
{
	EXPECT_FINISHED(t, "%s", what);
	if (t->how == TOUCH_READ)
		EXPECT_EQ(t->seen, 0xed, "the byte read from U, %s", what);
}

/* ---- CONTINUE ---------------------------------------------------------------------- */

static void resolve(const struct region *r, int uffd)
{
	struct toucher t;

	touch_start(&t, TOUCH_READ, r->u + r->page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	walk_continue(r, uffd, 1, 1, 0, 1);
	expect_seed(&t, "page 1 resolved");
	touch_start_write(&t, r->u + 2 * r->page, 0xed);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r->u + 2 * r->page);
	walk_continue(r, uffd, 2, 1, 0, 1);
	expect_seed(&t, "page 2 resolved");
}

static void resolve_in_advance(const struct region *r, int uffd)
{
	struct toucher t;

	walk_continue(r, uffd, 0, 3, 0, 3);
	touch_start_write(&t, r->u, 0xed);
	expect_seed(&t, "resolved in advance");
}

static void resolve_twice(const struct region *r, int uffd)
{
	walk_continue(r, uffd, 0, 1, 0, 1);
	walk_continue(r, uffd, 0, 1, EEXIST, -EEXIST);
	walk_continue(r, uffd, 0, 3, EEXIST, -EEXIST);
}

static void resolve_up_to_mapped(const struct region *r, int uffd)
{
	walk_continue(r, uffd, 2, 1, 0, 1);
	walk_continue(r, uffd, 0, 3, EAGAIN, 2);
}

static void resolve_hole(const struct region *r, int uffd)
{
	walk_continue(r, uffd, 3, 1, EFAULT, -EFAULT);
}

static void resolve_up_to_hole(const struct region *r, int uffd)
{
	walk_continue(r, uffd, 1, 3, EAGAIN, 2);
}

/* Its result cannot be stored. */
static void resolve_without_answer(const struct region *r, int uffd)
{
	struct uffdio_continue *arg = mmap(NULL, base_page(), PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SETUP(arg != MAP_FAILED, "mmap of a page");
	arg->range = (struct uffdio_range){ (uintptr_t)r->u, r->page };
	SETUP(!mprotect(arg, base_page(), PROT_READ), "mprotect");
	EXPECT_EQ(ioctl(uffd, UFFDIO_CONTINUE, arg) ? errno : 0, EFAULT,
		  "errno of UFFDIO_CONTINUE with a structure that is read-only");
	SETUP(!munmap(arg, base_page()), "munmap");
}

CASE(continue_keeps_no_page,
     DESC("CONTINUE, resolved or refused, in advance, again or in part, leaves no reference")
     ROWS("ACC-15")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZE_64K))
{
	static const struct path paths[] = {
		{ "CONTINUE of a fault", resolve },
		{ "CONTINUE in advance", resolve_in_advance },
		{ "CONTINUE of a mapped page", resolve_twice },
		{ "CONTINUE up to a mapped page", resolve_up_to_mapped },
		{ "CONTINUE of a hole", resolve_hole },
		{ "CONTINUE up to a hole", resolve_up_to_hole },
		{ "CONTINUE whose result cannot be stored", resolve_without_answer },
	};

	walk_all(paths, ARRAY_SIZE(paths));
}

/* ---- a fault that ends otherwise --------------------------------------------------- */

static void start_waiting(struct toucher *t, const struct region *r, int uffd)
{
	touch_start(t, TOUCH_READ, r->u + r->page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	EXPECT_ASLEEP(t, "not resolved yet");
}

static void wake_without_page(const struct region *r, int uffd)
{
	struct toucher t;

	start_waiting(&t, r, uffd);
	for (int i = 0; i < 3; i++) {
		EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
		EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	}
	walk_continue(r, uffd, 1, 1, 0, 1);
	expect_seed(&t, "resolved after three wakes");
}

static void unregister_under_it(const struct region *r, int uffd)
{
	struct toucher t;

	start_waiting(&t, r, uffd);
	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), 0, "UFFDIO_UNREGISTER");
	/* A range that is only MINOR does not wake its waiters (DLV-30). */
	EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
	expect_seed(&t, "unregistered");
}

static void unmap_under_it(const struct region *r, int uffd)
{
	struct toucher t;

	start_waiting(&t, r, uffd);
	SETUP(!munmap(r->u, r->len), "munmap");
	EXPECT_ERRNO(uffd_wake(uffd, r->u, r->len), 0, "UFFDIO_WAKE");
	for (int waited = 0; waited < patience_ms() && !atomic_load(&t.done); waited++)
		sleep_ms(1);
	EXPECT_EQ(t.signal, SIGSEGV, "signal of a waiter whose mapping is gone");
	pthread_join(t.thread, NULL);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void interrupt_it(const struct region *r, int uffd)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct toucher t;

	SETUP(!sigaction(SIGUSR1, &action, NULL), "sigaction");
	start_waiting(&t, r, uffd);
	for (int i = 0; i < 3; i++) {
		SETUP(!pthread_kill(t.thread, SIGUSR1), "pthread_kill");
		EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	}
	walk_continue(r, uffd, 1, 1, 0, 1);
	expect_seed(&t, "resolved after three signals");
}

static void remove_under_it(const struct region *r, int uffd)
{
	struct toucher t;

	start_waiting(&t, r, uffd);
	SETUP(!fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, r->page, r->page),
	      "fallocate(PUNCH_HOLE)");
	walk_continue(r, uffd, 1, 1, EFAULT, -EFAULT);
	*(volatile uint32_t *)(r->a + r->page) = 0x5eed;
	walk_continue(r, uffd, 1, 1, 0, 1);
	expect_seed(&t, "made anew and resolved");
}

static void close_under_it(const struct region *r, int uffd)
{
	/* Another uffd than the one that the next round needs. */
	int other = uffd_open(0);
	struct toucher t;

	EXPECT_ERRNO(uffd_unregister(uffd, r->u, r->len), 0, "UFFDIO_UNREGISTER");
	EXPECT_ERRNO(uffd_register(other, r->u, r->len, MODE_MINOR), 0, "UFFDIO_REGISTER");
	start_waiting(&t, r, other);
	close(other);
	expect_seed(&t, "closed");
}

CASE(ended_fault_keeps_no_page,
     DESC("a fault that ends by WAKE, signal, UNREGISTER, close, unmap or hole leaves none")
     ROWS("ACC-15")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZE_64K))
{
	static const struct path paths[] = {
		{ "WAKE without a page", wake_without_page },
		{ "UNREGISTER under a waiter", unregister_under_it },
		{ "close under a waiter", close_under_it },
		{ "munmap under a waiter", unmap_under_it },
		{ "a signal to a waiter", interrupt_it },
		{ "a hole punched under a waiter", remove_under_it },
	};

	walk_all(paths, ARRAY_SIZE(paths));
}
