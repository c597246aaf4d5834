// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE as a call: who makes it, where its structure lies, how it is cut short. */
#include <signal.h>
#include <sys/wait.h>

#include "lib/asleep.h"

CASE(registered_missing_only,
     DESC("CONTINUE on a range registered MISSING only maps a present page, refuses a hole")
     ROWS("CON-12")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(3);
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MISSING);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE where only MISSING is registered");
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 1, "pages that are mapped");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "second UFFDIO_CONTINUE");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u + r.page, 2 * r.page, 0), EAGAIN,
		       (int64_t)r.page, "UFFDIO_CONTINUE of a present page and a hole");
	EXPECT_ERR(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a hole");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_READABLE(&r, 1, 1);
}

CASE(through_another_uffd,
     DESC("CONTINUE through a uffd that does not own the range maps, and wakes nobody of its own")
     ROWS("CON-13")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	struct toucher first, second;
	struct nap nap1, nap2;
	int owner, other;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	owner = uffd_on(&r, 0, MODE_MINOR);
	other = uffd_open(0);
	touch_start_page(&first, &r, 0);
	EXPECT_MSG(owner, FLAG_MINOR, r.u);
	touch_start_page(&second, &r, 1);
	EXPECT_MSG(owner, FLAG_MINOR, r.u + r.page);
	nap1 = EXPECT_ASLEEP(&first, "not resolved yet");
	nap2 = EXPECT_ASLEEP(&second, "not resolved yet");

	EXPECT_OK(uffd_continue(other, r.u, r.len, 0), (int64_t)r.len,
		  "UFFDIO_CONTINUE through the other uffd");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 2, "pages that are mapped");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_ERR(uffd_continue(owner, r.u, r.page, 0), EEXIST, "the owner's UFFDIO_CONTINUE");
	EXPECT_ERRNO(uffd_wake(other, r.u, r.len), 0, "UFFDIO_WAKE through the other uffd");
	EXPECT_UNWOKEN(&first, nap1, "resolved through the other uffd");
	EXPECT_UNWOKEN(&second, nap2, "resolved through the other uffd");
	EXPECT_NO_MSG(other, "the other uffd owns nothing");

	EXPECT_ERRNO(uffd_wake(owner, r.u, r.page), 0, "the owner's UFFDIO_WAKE");
	EXPECT_SEEN(&first, &r, 0, 1);
	EXPECT_UNWOKEN(&second, nap2, "UFFDIO_WAKE of another page");
	close(owner);
	EXPECT_SEEN(&second, &r, 1, 1);
}

/* Two pages, the second of which cannot be touched. */
static char *before_a_wall(size_t base)
{
	char *at = mmap(NULL, 2 * base, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SETUP(at != MAP_FAILED, "mmap of two pages");
	SETUP(!mprotect(at + base, base, PROT_NONE), "mprotect");
	return at;
}

CASE(structure_unmapped,
     DESC("CONTINUE with a structure that is not mapped: EFAULT, nothing done")
     ROWS("CON-24")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct uffdio_continue arg = { };
	size_t base = base_page();
	struct region r = region_make(1);
	char *wall = before_a_wall(base) + base;
	void *const where[] = {
		NULL, (void *)8, wall, wall - 8, wall - offsetof(struct uffdio_continue, mode),
		wall - offsetof(struct uffdio_continue, mapped) + 1, (void *)-base, (void *)-1L,
	};
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	arg.range = (struct uffdio_range){ (uintptr_t)r.u, r.page };
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		char *at = where[i];
		uintptr_t room = (uintptr_t)wall - (uintptr_t)at;
		int err;

		/* As much of a good structure as there is room for. */
		if (room < sizeof(arg))
			memcpy(at, &arg, room);
		err = ioctl(uffd, UFFDIO_CONTINUE, at) ? errno : 0;
		EXPECT_EQ(err, EFAULT, "errno with structure %zu of the list, at %p", i, where[i]);
	}
	EXPECT_EQ(page_is_mapped(r.u), false, "the page is mapped");
	EXPECT_UNWOKEN(&t, nap, "after the refusals");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
}

/* CONTINUE of @page with @arg, whose "mapped" cannot be written. */
static void mapped_without_a_word(const struct region *r, int uffd, size_t page,
				  struct uffdio_continue *arg)
{
	char *at = r->u + page * r->page;
	struct toucher t;
	struct nap nap;
	int err;

	touch_start_page(&t, r, page);
	EXPECT_MSG(uffd, FLAG_MINOR, at);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	err = ioctl(uffd, UFFDIO_CONTINUE, arg) ? errno : 0;
	EXPECT_EQ(err, EFAULT, "errno with a structure that cannot be written");
	EXPECT_UNWOKEN(&t, nap, "a CONTINUE that could not say what it did");
	EXPECT_ERR(uffd_continue(uffd, at, r->page, 0), EEXIST, "UFFDIO_CONTINUE after it");
	EXPECT_READABLE(r, page, 1);
	EXPECT_UNWOKEN(&t, nap, "a CONTINUE that gives EEXIST");
	EXPECT_NO_MSG(uffd, "the page is mapped");
	EXPECT_ERRNO(uffd_wake(uffd, at, r->page), 0, "UFFDIO_WAKE");
	EXPECT_SEEN(&t, r, page, 1);
}

CASE(structure_read_only,
     DESC("CONTINUE with a structure in read-only memory: EFAULT, the page mapped, nobody woken")
     ROWS("CON-25")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	size_t base = base_page();
	struct region r = region_make(2);
	struct uffdio_continue *arg = (void *)before_a_wall(base);
	char *wall = before_a_wall(base) + base;
	struct uffdio_range pages[] = {
		{ (uintptr_t)r.u, r.page }, { (uintptr_t)r.u + r.page, r.page },
	};
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	*arg = (struct uffdio_continue){ .range = pages[0], .mapped = UNTOUCHED };
	SETUP(!mprotect(arg, base, PROT_READ), "mprotect of the structure");
	mapped_without_a_word(&r, uffd, 0, arg);
	EXPECT_EQ(arg->mapped, UNTOUCHED, "mapped in read-only memory");
	/* The output field alone behind the wall. */
	arg = (void *)(wall - offsetof(struct uffdio_continue, mapped));
	arg->range = pages[1];
	arg->mode = 0;
	mapped_without_a_word(&r, uffd, 1, arg);
}

CASE(killed_in_the_middle,
     DESC("a fatal signal ends a long CONTINUE after some pages, and mapped says how many")
     ROWS("CON-37")
     MEMORY("shmem-shared shmem-private")
     TIMEOUT(20))
{
	struct common {
		struct uffdio_continue arg;
		atomic_bool returned;
	} *common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct region r = region_make(4096);
	int uffd, attempts = 10;
	int64_t mapped = 0;

	SETUP(common != MAP_FAILED, "mmap of what the two processes share");
	SETUP(!fallocate(r.fd, 0, 0, r.len), "fallocate of %zu pages", r.pages);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	/* The signal may come too late, when all is done: then again. */
	for (int i = 0; i < attempts && (mapped <= 0 || mapped >= (int64_t)r.len); i++) {
		int waited = 0;
		pid_t pid;

		SETUP(!madvise(r.u, r.len, MADV_DONTNEED), "MADV_DONTNEED");
		common->arg = (struct uffdio_continue){
			.range = { (uintptr_t)r.u, r.len }, .mapped = UNTOUCHED,
		};
		atomic_store(&common->returned, false);
		pid = fork();
		SETUP(pid >= 0, "fork");
		if (!pid) {
			ioctl(uffd, UFFDIO_CONTINUE, &common->arg);
			atomic_store(&common->returned, true);
			_exit(0);
		}
		while (!page_is_mapped(r.u) && !atomic_load(&common->returned) &&
		       waited++ < patience_ms() * 5)
			usleep(200);
		SETUP(!kill(pid, SIGKILL), "kill");
		SETUP(waitpid(pid, NULL, 0) == pid, "waitpid");
		mapped = common->arg.mapped;
		EXPECT(mapped > 0 && mapped <= (int64_t)r.len && mapped % r.page == 0,
		       "mapped of a CONTINUE that was killed, or not, is %lld",
		       (long long)mapped);
		EXPECT_EQ(pages_mapped(r.u, r.page, r.pages), mapped / r.page,
			  "pages that are mapped from the start on, against mapped");
	}
	diag("ended after %lld of %zu pages", (long long)mapped / (int)r.page, r.pages);
	EXPECT(mapped < (int64_t)r.len, "none of %d signals ended a CONTINUE", attempts);
	EXPECT_EQ(page_is_mapped(r.u + mapped), false, "the next page is mapped");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), EEXIST, "UFFDIO_CONTINUE of all again");
	EXPECT_OK(uffd_continue(uffd, r.u + mapped, r.len - mapped, 0), (int64_t)r.len - mapped,
		  "UFFDIO_CONTINUE of the rest");
	EXPECT_EQ(pages_mapped(r.u, r.page, r.pages), r.pages, "pages that are mapped at last");
}

CASE(mapped_is_output_only,
     DESC("what mapped holds before CONTINUE makes no difference to what it does and says")
     ROWS("CON-38")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	static const int64_t before[] = { 0, 1, -1, -EAGAIN, 4096, INT64_MAX, INT64_MIN };
	struct region r = region_make(ARRAY_SIZE(before) + 1);
	size_t n = ARRAY_SIZE(before);
	int uffd;

	for (size_t i = 0; i < n; i++)
		fill_a(&r, i, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 0; i < n; i++) {
		struct uffdio_continue arg = {
			.range = { (uintptr_t)r.u + i * r.page, r.page }, .mapped = before[i],
		};
		int err = ioctl(uffd, UFFDIO_CONTINUE, &arg) ? errno : 0;

		EXPECT_EQ(err, 0, "errno with mapped %lld before", (long long)before[i]);
		EXPECT_EQ(arg.mapped, r.page, "mapped, which was %lld", (long long)before[i]);
		EXPECT_EQ(pages_mapped(r.u, r.page, n), i + 1, "pages that are mapped");

		arg.mapped = before[i];
		err = ioctl(uffd, UFFDIO_CONTINUE, &arg) ? errno : 0;
		EXPECT_EQ(err, EEXIST, "errno for a mapped page, mapped %lld before",
			  (long long)before[i]);
		EXPECT_EQ(arg.mapped, -EEXIST, "mapped, which was %lld", (long long)before[i]);

		arg.range.start = (uintptr_t)r.u + n * r.page;
		arg.mapped = before[i];
		err = ioctl(uffd, UFFDIO_CONTINUE, &arg) ? errno : 0;
		EXPECT_EQ(err, EFAULT, "errno for a hole, mapped %lld before",
			  (long long)before[i]);
		EXPECT_EQ(arg.mapped, -EFAULT, "mapped, which was %lld", (long long)before[i]);
	}
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_NO_MSG(uffd, "touch of a resolved page");
}
