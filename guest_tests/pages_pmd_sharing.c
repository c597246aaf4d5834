// SPDX-License-Identifier: GPL-2.0-only
/* Processes that share the page tables of a hugetlb mapping, until one of them registers it. */
#include <linux/memfd.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/asleep.h"
#include "lib/memory.h"

#define PAGES_USED 8

/* Bytes that one page of page-table entries spans, each of them a huge page: 1 GiB for 2 MiB. */
static size_t span(void)
{
	return run.page_size * (base_page() / sizeof(uint64_t));
}

/* A file of @len bytes, mapped where its page tables can be shared; A has just a few pages. */
static struct region region_shareable(void)
{
	struct region r = { .page = run.page_size, .len = span(), .fd = -1 };
	unsigned int flags = MFD_CLOEXEC | MFD_HUGETLB |
			     (unsigned int)__builtin_ctzl(r.page) << MFD_HUGE_SHIFT;
	const int how = MAP_SHARED | MAP_NORESERVE;

	r.pages = r.len / r.page;
	r.fd = memfd_create("uffd-test", flags);
	SETUP(r.fd >= 0, "memfd_create");
	SETUP(!ftruncate(r.fd, r.len), "ftruncate to %zu bytes", r.len);
	r.u = room_make(r.len, r.len);
	SETUP(mmap(r.u, r.len, PROT_READ | PROT_WRITE, how | MAP_FIXED, r.fd, 0) == r.u,
	      "mmap of U");
	r.a = mmap(NULL, PAGES_USED * r.page, PROT_READ | PROT_WRITE, how, r.fd, 0);
	SETUP(r.a != MAP_FAILED, "mmap of A");
	return r;
}

/* The other process: it writes version 1 into the pages that it is asked for. */
struct other {
	pid_t pid;
	int asks, answers;
};

static void serve(const struct region *r, int asks, int answers)
{
	unsigned char page;

	while (read(asks, &page, 1) == 1) {
		fill_page(r->u + page * r->page, r->page, page, 1);
		SETUP(write(answers, &page, 1) == 1, "write to the parent");
	}
	_exit(0);
}

static struct other other_start(const struct region *r)
{
	struct other other;
	int asks[2], answers[2];

	SETUP(!pipe(asks) && !pipe(answers), "pipe");
	other.pid = fork();
	SETUP(other.pid >= 0, "fork");
	if (!other.pid) {
		close(asks[1]);
		serve(r, asks[0], answers[1]);
	}
	close(answers[1]);
	other.asks = asks[1];
	other.answers = answers[0];
	return other;
}

static void other_writes(const struct other *other, size_t page)
{
	unsigned char number = page;

	SETUP(write(other->asks, &number, 1) == 1, "write to the child");
	SETUP(read(other->answers, &number, 1) == 1, "the child has ended");
}

/* Has the other process a page-table entry for U's page? */
static bool other_has(const struct other *other, const struct region *r, size_t page)
{
	char path[64];
	uint64_t entry;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", other->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", path);
	SETUP(pread64(fd, &entry, sizeof(entry),
		      ((uintptr_t)r->u + page * r->page) / base_page() * sizeof(entry)) ==
	      sizeof(entry), "read %s", path);
	close(fd);
	return entry >> 63;
}

CASE(registration_ends_sharing,
     DESC("page tables shared with another process: REGISTER ends it, each page gives MINOR")
     ROWS("INT-21")
     MEMORY("hugetlb-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_shareable();
	struct other other = other_start(&r);
	struct toucher t;
	int uffd;

	/* What one of them faults in, the other has as well: they do share. */
	fill_page(r.u, r.page, 0, 1);
	other_writes(&other, 1);
	fill_page(r.u + 2 * r.page, r.page, 2, 1);
	EXPECT(page_is_mapped(r.u + r.page), "U has not the page that the other process faulted in");
	EXPECT(other_has(&other, &r, 2), "the other process has not the page that U faulted in");

	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 0; i < 3; i++) {
		EXPECT(!page_is_mapped(r.u + i * r.page), "U has page %zu after REGISTER", i);
		EXPECT(other_has(&other, &r, i), "the other process has lost page %zu", i);
	}
	other_writes(&other, 3);
	EXPECT(!page_is_mapped(r.u + 3 * r.page), "U has the page that the other faulted in since");

	for (size_t i = 0; i < 4; i++) {
		char *at = r.u + i * r.page;

		touch_start_page(&t, &r, i);
		EXPECT_MSG(uffd, FLAG_MINOR, at);
		EXPECT_OK(uffd_continue(uffd, at, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
		EXPECT_SEEN(&t, &r, i, 1);
	}
	/* Neither does what CONTINUE maps show there. */
	fill_page(r.a + 4 * r.page, r.page, 4, 1);
	EXPECT_OK(uffd_continue(uffd, r.u + 4 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE in advance");
	EXPECT_READABLE(&r, 4, 1);
	EXPECT(!other_has(&other, &r, 4), "the other process has a page that U's CONTINUE mapped");
	other_writes(&other, 5);
	EXPECT(!page_is_mapped(r.u + 5 * r.page), "U has a page that only the other has touched");
	EXPECT_NO_MSG(uffd, "touches by the other process");

	/* Its memory is its own affair: U's fault goes on when the other is gone. */
	touch_start_page(&t, &r, 5);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 5 * r.page);
	SETUP(!kill(other.pid, SIGKILL) && waitpid(other.pid, NULL, 0) == other.pid, "kill");
	EXPECT_OK(uffd_continue(uffd, r.u + 5 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 5, 1);
}
