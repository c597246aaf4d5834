// SPDX-License-Identifier: GPL-2.0-only
/* Futexes in registered memory. */
#include <linux/futex.h>

#include "lib/caller.h"

#define WAIT_PRIVATE (FUTEX_WAIT | FUTEX_PRIVATE_FLAG)
#define WORD 72			/* offset of the futex in its page */

static int *word(char *page)
{
	return (int *)(page + WORD);
}

/* U, its pages present and not mapped, each with a futex that is 7. */
static struct region make(void)
{
	struct region r = region_make(3);

	for (size_t page = 0; page < r.pages; page++) {
		fill_a(&r, page, 1);
		*word(r.a + page * r.page) = 7;
	}
	return r;
}

/* Somebody sleeps on that futex, or will soon: one is woken. */
static void expect_woken(int *futex, int how, const char *what)
{
	long woken = 0;

	for (int64_t end = now_ms() + patience_ms(); !woken && now_ms() < end;) {
		woken = syscall(SYS_futex, futex, how, 10, NULL, NULL, 0);
		if (!woken)
			sleep_ms(1);
	}
	EXPECT_EQ(woken, 1, "waiters woken by FUTEX_WAKE of %s", what);
}

static void resolve(int uffd, const struct region *r, size_t page)
{
	EXPECT_OK(uffd_continue(uffd, r->u + page * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE of page %zu", page);
}

CASE(private_wait,
     DESC("private FUTEX_WAIT on an unresolved page waits with MINOR, then does as always")
     ROWS("INT-19")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = make();
	int uffd = uffd_on(&r, 0, MODE_MINOR), *futex = word(r.u + r.page);
	struct caller c;
	struct nap nap;

	/* Another value. */
	call_start(&c, SYS_futex, (long)word(r.u), WAIT_PRIVATE, 6);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_WAITING(&c, "SD", "private FUTEX_WAIT");
	resolve(uffd, &r, 0);
	EXPECT_RETURNED(&c, -1, EAGAIN, "private FUTEX_WAIT with another value");

	/* The value it has, and a wake-up before its page is resolved: none sleeps there yet. */
	call_start(&c, SYS_futex, (long)futex, WAIT_PRIVATE, 7);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	nap = EXPECT_WAITING(&c, "SD", "private FUTEX_WAIT");
	EXPECT_EQ(syscall(SYS_futex, futex, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0), 0,
		  "waiters woken before the page is resolved");
	EXPECT_STILL_WAITING(&c, nap, "private FUTEX_WAIT, not resolved");
	resolve(uffd, &r, 1);
	expect_woken(futex, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, "U");
	EXPECT_RETURNED(&c, 0, 0, "private FUTEX_WAIT, woken");
	EXPECT_NO_MSG(uffd, "private FUTEX_WAIT");

	/* What it compares with is what is there once the page is resolved. */
	call_start(&c, SYS_futex, (long)word(r.u + 2 * r.page), WAIT_PRIVATE, 7);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	EXPECT_WAITING(&c, "SD", "private FUTEX_WAIT");
	*word(r.a + 2 * r.page) = 8;
	resolve(uffd, &r, 2);
	EXPECT_RETURNED(&c, -1, EAGAIN, "private FUTEX_WAIT, its value changed meanwhile");
}

CASE(shared_wait,
     DESC("shared FUTEX_WAIT on an unresolved page waits with MINOR and WRITE; A can wake it")
     ROWS("INT-19")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = make();
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct caller c;
	struct nap nap;

	call_start(&c, SYS_futex, (long)word(r.u), FUTEX_WAIT, 6);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_WAITING(&c, "SD", "shared FUTEX_WAIT");
	resolve(uffd, &r, 0);
	EXPECT_RETURNED(&c, -1, EAGAIN, "shared FUTEX_WAIT with another value");
	EXPECT_EQ(*word(r.a), 7, "the futex after FUTEX_WAIT");

	call_start(&c, SYS_futex, (long)word(r.u + r.page), FUTEX_WAIT, 7);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	nap = EXPECT_WAITING(&c, "SD", "shared FUTEX_WAIT");
	EXPECT_STILL_WAITING(&c, nap, "shared FUTEX_WAIT, not resolved");
	resolve(uffd, &r, 1);
	/* One futex, at two addresses. */
	expect_woken(word(r.a + r.page), FUTEX_WAKE, "A");
	EXPECT_RETURNED(&c, 0, 0, "shared FUTEX_WAIT, woken through A");
	EXPECT_NO_MSG(uffd, "shared FUTEX_WAIT");

	/* Memory that cannot be written is pinned for reading. */
	SETUP(!mprotect(r.u + 2 * r.page, r.page, PROT_READ), "mprotect");
	call_start(&c, SYS_futex, (long)word(r.u + 2 * r.page), FUTEX_WAIT, 6);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 2 * r.page);
	EXPECT_WAITING(&c, "SD", "shared FUTEX_WAIT of read-only memory");
	resolve(uffd, &r, 2);
	EXPECT_RETURNED(&c, -1, EAGAIN, "shared FUTEX_WAIT of read-only memory");
}

CASE(wake_op,
     DESC("FUTEX_WAKE_OP, private, with its second word unresolved: EFAULT at once, no message")
     ROWS("INT-20")
     MEMORY("hugetlb-shared shmem-shared"))
{
	static int first;
	struct region r = make();
	int uffd = uffd_on(&r, 0, MODE_MINOR), *second = word(r.u + r.page);
	int how = FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG;
	/* Set the second word to 5; wake there if it was 7. */
	int operation = FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 7);
	struct caller c;

	call_start(&c, SYS_futex, (long)&first, how, 1, 1, (long)second, operation);
	EXPECT_AT_ONCE(&c, uffd, -1, EFAULT, "FUTEX_WAKE_OP, its second word unresolved");
	EXPECT_EQ(*word(r.a + r.page), 7, "the second word after the refusal");
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 0, "pages that are mapped");
	/* The first word is not looked at. */
	call_start(&c, SYS_futex, (long)word(r.u), how, 1, 1, (long)&first, operation);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "FUTEX_WAKE_OP, its first word unresolved");
	EXPECT_EQ(first, 5, "the second word, in other memory");

	resolve(uffd, &r, 1);
	call_start(&c, SYS_futex, (long)&first, how, 1, 1, (long)second, operation);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "FUTEX_WAKE_OP, its second word resolved");
	EXPECT_EQ(*word(r.a + r.page), 5, "the second word, seen through A");
}

CASE(lock_pi,
     DESC("FUTEX_LOCK_PI, private, of an unresolved word: EFAULT at once, no message")
     ROWS("INT-20")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_FUTEX_PI"))
{
	struct region r = make();
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct caller c;

	*word(r.a + r.page) = 0;
	call_start(&c, SYS_futex, (long)word(r.u + r.page), FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG);
	EXPECT_AT_ONCE(&c, uffd, -1, EFAULT, "FUTEX_LOCK_PI of an unresolved word");
	EXPECT_EQ(*word(r.a + r.page), 0, "the word after the refusal");
	resolve(uffd, &r, 1);
	call_start(&c, SYS_futex, (long)word(r.u + r.page), FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "FUTEX_LOCK_PI of a resolved word");
	EXPECT_EQ(*word(r.a + r.page) & FUTEX_TID_MASK, atomic_load(&c.tid),
		  "owner of the futex, seen through A");
}
