// SPDX-License-Identifier: GPL-2.0-only
/* The end of threads and processes that wait, or that have unresolved pages. */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/caller.h"
#include "lib/memory.h"

#define BYTES 64

/* What a process and the child that is to die have in common. */
struct common {
	_Atomic(int) uffd;	/* the child's, once its threads wait; 0 until then */
};

/* A child with this process's file descriptors: its uffd stays open when it has died. */
static pid_t fork_with_files(struct common **common)
{
	pid_t pid;

	*common = mmap(NULL, sizeof(**common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	SETUP(*common != MAP_FAILED, "mmap of what two processes share");
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	SETUP(pid >= 0, "clone(CLONE_FILES)");
	return pid;
}

/* How @pid ended; it must within @ms. */
static int await_end(pid_t pid, int ms, const char *what)
{
	int64_t deadline = now_ms() + ms;
	pid_t ended;
	int status;

	while (!(ended = waitpid(pid, &status, WNOHANG)) && now_ms() < deadline)
		sleep_ms(1);
	SETUP(ended >= 0, "waitpid");
	EXPECT(ended == pid, "%s: the process has not ended after %d ms", what, ms);
	return status;
}

/* The uffd of a child whose threads wait. */
static int await_waiters(pid_t pid, struct common *common)
{
	siginfo_t ended = { };

	while (!atomic_load(&common->uffd) && !ended.si_pid) {
		SETUP(!waitid(P_PID, pid, &ended, WEXITED | WNOHANG | WNOWAIT), "waitid");
		sleep_ms(1);
	}
	if (!atomic_load(&common->uffd))
		_exit(EXIT_FAILURE);	/* it has reported why */
	return atomic_load(&common->uffd);
}

static void ignore(int sig)
{
	(void)sig;
}

/* In the child: threads that wait in each way there is. */
static _Noreturn void wait_in_every_way(const struct region *r, struct common *common)
{
	int uffd = uffd_on(r, 0, MODE_MINOR), ends[2], other[2];
	struct toucher was_read, writer, was_not;
	struct caller call, spinner;

	/* A pipe is locked while its writer waits. */
	SETUP(!pipe2(ends, O_CLOEXEC) && !pipe2(other, O_CLOEXEC), "pipe2");
	SETUP(signal(SIGUSR1, ignore) != SIG_ERR, "signal");
	touch_start(&was_read, TOUCH_READ, r->u);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u);
	touch_start_write(&writer, r->u + r->page, 1);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r->u + r->page);
	call_start(&call, SYS_write, ends[1], (long)r->u + 8, BYTES);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u);
	call_start(&spinner, SYS_write, other[1], (long)r->u + r->page, BYTES);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	EXPECT_WAITING(&spinner, "S", "before the signal");
	touch_start(&was_not, TOUCH_READ, r->u + r->page);
	EXPECT_ASLEEP(&was_not, "message not read");
	EXPECT_ASLEEP(&was_read, "message read");
	EXPECT_WAITING(&call, "S", "message read");
	/* A signal that is pending already must not hide the fatal one (DLV-34). */
	SETUP(!syscall(SYS_tgkill, getpid(), atomic_load(&spinner.tid), SIGUSR1), "tgkill");
	atomic_store(&common->uffd, uffd);
	for (;;)
		pause();
}

CASE(kill_ends_waiters,
     DESC("SIGKILL ends a process at once whose threads wait in user and in kernel mode")
     ROWS("DLV-35")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	struct common *common;
	int uffd, status;
	pid_t pid;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	pid = fork_with_files(&common);
	if (!pid)
		wait_in_every_way(&r, common);
	uffd = await_waiters(pid, common);
	SETUP(!kill(pid, SIGKILL), "kill");
	/* One second, on a machine as slow as this one. */
	status = await_end(pid, 10 * settle_ms(), "SIGKILL");
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status of the process: 0x%x",
	       status);
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: once all waiters are dead");
	EXPECT_NO_MSG(uffd, "all waiters are dead");
	EXPECT_EQ(find_mismatch(r.a, r.page, 0, 1), -1, "first byte of A that changed");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
}

struct leaver {
	int *word;		/* its clear_child_tid */
	_Atomic(pid_t) tid;
	pthread_t thread;
};

/* Not by pthread_exit(): glibc's own word is at another place. */
static void *leave(void *arg)
{
	struct leaver *l = arg;

	syscall(SYS_set_tid_address, l->word);
	atomic_store(&l->tid, (pid_t)syscall(SYS_gettid));
	syscall(SYS_exit, 0);
	return NULL;
}

static void expect_leaves(struct leaver *l, char *word, const char *where)
{
	int err;

	*l = (struct leaver){ .word = (int *)word };
	err = pthread_create(&l->thread, NULL, leave, l);
	if (err)
		bail_at(__FILE__, __LINE__, err, "pthread_create");
	for (int64_t deadline = now_ms() + patience_ms(); now_ms() < deadline;) {
		pid_t tid = atomic_load(&l->tid);

		if (tid && !thread_state(tid))
			break;
		sleep_ms(1);
	}
	EXPECT(atomic_load(&l->tid) && !thread_state(atomic_load(&l->tid)),
	       "a thread with its clear_child_tid %s has not ended, it is in state %c", where,
	       thread_state(atomic_load(&l->tid)));
}

CASE(exit_clears_no_unresolved_word,
     DESC("a thread ends with its clear_child_tid in an unresolved page: no message, no hang")
     ROWS("DLV-36")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	struct leaver l;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (int times = 0; times < 2; times++) {
		expect_leaves(&l, r.u + r.page + 64, "in an unresolved page");
		EXPECT_NO_MSG(uffd, "the thread has ended");
		EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: the thread has ended");
		EXPECT_EQ(page_is_mapped(r.u + r.page), false, "the page is mapped");
		EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1,
			  "first byte of A that changed");
	}
	EXPECT_MINOR_WORKS(uffd, &r, 1);

	/* That it would be cleared at all. */
	expect_leaves(&l, r.u + r.page + 64, "in a resolved page");
	EXPECT_EQ(*(int *)(r.u + r.page + 64), 0, "the word in a resolved page");
	EXPECT_NO_MSG(uffd, "the page is resolved");
}

/* In the child: abort() with one thread that waits and a page that nobody has touched. */
static _Noreturn void abort_with_unresolved(const struct region *r, struct common *common,
					    const char *folder)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int uffd = uffd_on(r, 0, MODE_MINOR);
	struct toucher t;

	SETUP(!chdir(folder), "chdir %s", folder);
	SETUP(!setrlimit(RLIMIT_CORE, &unlimited), "setrlimit(RLIMIT_CORE)");
	/* Everything: private, shared, of files and of hugetlbfs.  But A is in U. */
	write_to("0x7f", "/proc/self/coredump_filter");
	SETUP(!madvise(r->a, r->len, MADV_DONTDUMP), "MADV_DONTDUMP");
	touch_start(&t, TOUCH_READ, r->u);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u);
	EXPECT_ASLEEP(&t, "message read");
	atomic_store(&common->uffd, uffd);
	abort();
}

CASE(core_dump_passes_by,
     DESC("abort() of a process with unresolved pages writes its core: no message, no hang")
     ROWS("DLV-37")
     MEMORY("hugetlb-shared shmem-shared shmem-private"))
{
	char folder[] = "/dev/shm/uffd-test-XXXXXX", path[64], magic[4];
	struct region r = region_make(2);
	struct common *common;
	int uffd, status, fd;
	pid_t pid;

	SETUP(mkdtemp(folder), "mkdtemp");
	snprintf(path, sizeof(path), "%s/core", folder);
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	pid = fork_with_files(&common);
	if (!pid)
		abort_with_unresolved(&r, common, folder);
	uffd = await_waiters(pid, common);
	status = await_end(pid, patience_ms(), "abort()");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	rmdir(folder);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status of the process: 0x%x",
	       status);
	EXPECT(WCOREDUMP(status), "the process has dumped no core: status 0x%x", status);
	EXPECT(fd >= 0 && read(fd, magic, 4) == 4 && !memcmp(magic, "\177ELF", 4),
	       "%s is no core file", path);
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: the process is gone");
	EXPECT_NO_MSG(uffd, "the process is gone");
}
