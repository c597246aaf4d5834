// SPDX-License-Identifier: GPL-2.0-only
/* Who took the fault and who resolves it: threads, processes, and what they are charged. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/caller.h"

#define FAULTS 3
#define BYTES 64

/* What the manager says to its parent. */
struct common {
	_Atomic(pid_t) told[FAULTS];	/* the thread in each message */
};

/* The manager: @flags of the message for each of U's pages, in their order. */
static _Noreturn void manage(const struct region *r, int uffd, struct common *common,
			     const uint64_t flags[FAULTS])
{
	for (size_t page = 0; page < FAULTS; page++) {
		char *at = r->u + page * r->page;
		struct uffd_msg msg = EXPECT_MSG(uffd, flags[page], at);

		atomic_store(&common->told[page], msg.arg.pagefault.feat.ptid);
		/* Through this process's own A. */
		fill_a(r, page, 2);
		EXPECT_OK(uffd_continue(uffd, at, r->page, 0), (int64_t)r->page,
			  "UFFDIO_CONTINUE of page %zu in the manager", page);
	}
	EXPECT_NO_MSG(uffd, "all is resolved");
	_exit(EXIT_SUCCESS);
}

CASE(manager_in_another_process,
     DESC("another process with the uffd reads messages, sees the thread's id, and resolves them")
     ROWS("DLV-38")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	const uint64_t flags[FAULTS] = { FLAG_MINOR, FLAG_MINOR | FLAG_WRITE, FLAG_MINOR };
	struct common *common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct region r = region_make(FAULTS);
	struct toucher reader, writer;
	struct caller call;
	char got[BYTES];
	int uffd, status, ends[2];
	pid_t pid;

	SETUP(common != MAP_FAILED, "mmap of what two processes share");
	SETUP(!pipe2(ends, O_CLOEXEC), "pipe2");
	for (size_t page = 0; page < FAULTS; page++)
		fill_a(&r, page, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_THREAD_ID, MODE_MINOR);
	pid = fork();
	SETUP(pid >= 0, "fork");
	if (!pid)
		manage(&r, uffd, common, flags);
	touch_start_page(&reader, &r, 0);
	EXPECT_SEEN(&reader, &r, 0, 2);
	touch_start_write(&writer, r.u + r.page, 0x42);
	EXPECT_FINISHED(&writer, "page 1, resolved by the manager");
	call_start(&call, SYS_write, ends[1], (long)r.u + 2 * r.page, BYTES);
	EXPECT_RETURNED(&call, BYTES, 0, "page 2, resolved by the manager");
	SETUP(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status)
		_exit(EXIT_FAILURE);	/* the manager has reported it */

	EXPECT_EQ(atomic_load(&common->told[0]), atomic_load(&reader.tid), "ptid of the read");
	EXPECT_EQ(atomic_load(&common->told[1]), atomic_load(&writer.tid), "ptid of the write");
	EXPECT_EQ(atomic_load(&common->told[2]), atomic_load(&call.tid), "ptid of the call");
	EXPECT_EQ((unsigned char)r.u[r.page], 0x42, "what the write left in U");
	SETUP(read(ends[0], got, BYTES) == BYTES, "read");
	EXPECT(!memcmp(got, r.a + 2 * r.page, BYTES), "write(2) did not get what the manager made");
	EXPECT_NO_MSG(uffd, "all is resolved");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: in the end");
}

CASE(thread_id_of_each,
     DESC("ptid with THREAD_ID is that of each faulting thread, again after a WAKE; 0 without")
     ROWS("DLV-05")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region with = region_make(2), without = region_make(1);
	struct toucher t[3];
	struct uffd_msg msg;
	int uffd, bare;

	fill_a(&with, 0, 1);
	fill_a(&with, 1, 1);
	fill_a(&without, 0, 1);
	uffd = uffd_on(&with, UFFD_FEATURE_THREAD_ID, MODE_MINOR);
	bare = uffd_on(&without, 0, MODE_MINOR);
	/* Two threads on one page, a third, which writes, on the other. */
	for (size_t i = 0; i < 3; i++) {
		char *page = with.u + i / 2 * with.page;

		if (i == 2)
			touch_start_write(&t[i], page + 0x123, 1);
		else
			touch_start(&t[i], TOUCH_READ, page + i);
		msg = EXPECT_MSG(uffd, FLAG_MINOR | (i == 2 ? FLAG_WRITE : 0), page);
		EXPECT_EQ(msg.arg.pagefault.feat.ptid, atomic_load(&t[i].tid),
			  "ptid of thread %zu", i);
		EXPECT_ASLEEP(&t[i], "thread %zu", i);
	}
	EXPECT_ERRNO(uffd_wake(uffd, with.u + with.page, with.page), 0, "UFFDIO_WAKE");
	msg = EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, with.u + with.page);
	EXPECT_EQ(msg.arg.pagefault.feat.ptid, atomic_load(&t[2].tid), "ptid after WAKE");
	EXPECT_OK(uffd_continue(uffd, with.u, with.len, 0), (int64_t)with.len, "UFFDIO_CONTINUE");
	for (size_t i = 0; i < 3; i++)
		EXPECT_FINISHED(&t[i], "both pages resolved");

	touch_start_page(&t[0], &without, 0);
	msg = EXPECT_MSG(bare, FLAG_MINOR, without.u);
	EXPECT_EQ(msg.arg.pagefault.feat.ptid, 0, "ptid without THREAD_ID");
	EXPECT_OK(uffd_continue(bare, without.u, without.page, 0), (int64_t)without.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[0], &without, 0, 1);
}

struct charged {
	volatile char *addr;
	bool write;
	struct rusage before, after, again;
	struct toucher t;
};

static void *touch_and_count(void *arg)
{
	struct charged *c = arg;

	/* Once in vain: what these lines themselves touch is there then. */
	for (int i = 0; i < 2; i++) {
		getrusage(RUSAGE_THREAD, &c->again);
		getrusage(RUSAGE_THREAD, &c->before);
	}
	atomic_store(&c->t.tid, (pid_t)syscall(SYS_gettid));
	getrusage(RUSAGE_THREAD, &c->before);
	if (c->write)
		*c->addr = 1;
	else
		(void)*c->addr;
	getrusage(RUSAGE_THREAD, &c->after);
	/* The page is mapped now. */
	if (c->write)
		*c->addr = 2;
	else
		(void)*c->addr;
	getrusage(RUSAGE_THREAD, &c->again);
	atomic_store(&c->t.done, true);
	return NULL;
}

CASE(counts_as_one_fault,
     DESC("getrusage of a thread counts a resolved minor fault once, major or minor as expected")
     ROWS("OBS-12")
     MEMORY("hugetlb-shared shmem-shared"))
{
	uint64_t major = expected_field("OBS-12", "major");
	uint64_t minor = expected_field("OBS-12", "minor");
	struct region r = region_make(2);
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (int write = 0; write < 2; write++) {
		char *at = r.u + write * r.page;
		struct charged c = { .addr = at, .write = write };
		int err = pthread_create(&c.t.thread, NULL, touch_and_count, &c);

		if (err)
			bail_at(__FILE__, __LINE__, err, "pthread_create");
		EXPECT_MSG(uffd, FLAG_MINOR | (write ? FLAG_WRITE : 0), at);
		EXPECT_ASLEEP(&c.t, "message read");
		EXPECT_OK(uffd_continue(uffd, at, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
		EXPECT_FINISHED(&c.t, "page resolved");
		EXPECT_EQ(c.after.ru_majflt - c.before.ru_majflt, major, "major faults of a %s",
			  write ? "write" : "read");
		EXPECT_EQ(c.after.ru_minflt - c.before.ru_minflt, minor, "minor faults of a %s",
			  write ? "write" : "read");
		EXPECT_EQ(c.again.ru_majflt + c.again.ru_minflt,
			  c.after.ru_majflt + c.after.ru_minflt, "faults with the next touch");
	}
}
