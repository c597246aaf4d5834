// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once, killed in the middle, and then what the kernel says of it: the log, the
 * taint, and the huge pages that must all have come back.
 */
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/asleep.h"
#include "lib/crew.h"

#define STORMS 2
#define ENOUGH 100		/* CONTINUEs that worked, until a storm is ended */

struct storm {
	struct region r;
	int uffd;
	atomic_uint *mapped;	/* shared with the parent */
};

/* Errors are no matter here; what each race may give is race_range.c's. */
static void *resolve(void *arg)
{
	struct storm *s = arg;

	for (size_t page = 0; ; page = (page + 1) % s->r.pages) {
		if (!uffd_continue(s->uffd, s->r.u + page * s->r.page, s->r.page, 0).err)
			atomic_fetch_add(s->mapped, 1);
		/* There are more threads than CPUs, and each is to have its turn. */
		sched_yield();
	}
	return NULL;
}

static void *take_away(void *arg)
{
	struct storm *s = arg;

	for (;;) {
		madvise(s->r.u, s->r.len, MADV_DONTNEED);
		sched_yield();
		/* The last page goes for good, and comes back. */
		fallocate(s->r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  s->r.len - s->r.page, s->r.page);
		s->r.a[s->r.len - s->r.page] = 1;
		uffd_wake(s->uffd, s->r.u, s->r.len);
	}
	return NULL;
}

static void *register_again(void *arg)
{
	struct storm *s = arg;

	for (;;) {
		uffd_unregister(s->uffd, s->r.u + s->r.page, s->r.page);
		uffd_register(s->uffd, s->r.u + s->r.page, s->r.page, MODE_MINOR);
		sleep_ms(1);
	}
	return NULL;
}

static void ignore(void *arg, const struct uffd_msg *msg)
{
	(void)arg;
	(void)msg;
}

static void touch_byte(struct member *m, size_t page)
{
	(void)((volatile char *)m->crew->r->u)[page * m->crew->r->page];
	sched_yield();
}

/* Until it is killed. */
static _Noreturn void storm(struct storm *s)
{
	static struct crew readers = { .n = 3, .visit = touch_byte };
	void *(*const all[])(void *) = { resolve, resolve, take_away, register_again };
	pthread_t threads[ARRAY_SIZE(all)];
	void *args[1] = { s };
	struct manager manager;

	s->uffd = uffd_on(&s->r, 0, MODE_MINOR);
	readers.r = &s->r;
	manager_start(&manager, s->uffd, ignore, NULL);
	crew_start(&readers);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		run_threads(&threads[i], 1, all[i], args);
	for (;;)
		pause();
}

/* ---- what the kernel says ---------------------------------------------------------- */

static long taint(void)
{
	return (long)number_in("/proc/sys/kernel/tainted");
}

/* Read the log on from where @fd is, to the line that is written here. */
static void expect_clean_log(int fd)
{
	static const char *const bad[] = {
		"BUG:", "WARNING:", "Oops", "cut here", "Bad page", "Bad rss", "refcount_t:",
	};
	static const char end[] = "uffd-harness: the storms are over\n";
	bool ended = false;
	char record[2048];
	ssize_t n;

	SETUP(write(fd, end, sizeof(end) - 1) == sizeof(end) - 1, "write to /dev/kmsg");
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		/* EPIPE: so much came meanwhile that some is gone; go on with what is left. */
		record[n > 0 ? n : 0] = 0;
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			EXPECT(!strstr(record, bad[i]), "the kernel said: %.200s", record);
		ended |= strstr(record, "the storms are over") != NULL;
	}
	errno = 0;
	SETUP(ended, "/dev/kmsg did not give the line that was written to it");
}

CASE(storm_leaves_clean_log,
     DESC("CONTINUE, reads, DONTNEED, punch, WAKE, REGISTER at once, killed: a clean log, "
	  "no taint, no page lost")
     ROWS("CCY-08")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     RACE)
{
	int log = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	bool huge = memory_is_hugetlb();
	long free_before = huge ? hugepages("free", run.page_size) : 0, tainted = taint();
	struct storm s = { .r = region_make(4) };

	SETUP(log >= 0 && lseek(log, 0, SEEK_END) >= 0, "open /dev/kmsg");
	s.mapped = mmap(NULL, base_page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	SETUP(s.mapped != MAP_FAILED, "mmap");
	fill_all(&s.r, 1);
	for (unsigned int i = 0; i < STORMS; i++) {
		int64_t began = now_ms();
		pid_t pid;
		int status;

		atomic_store(s.mapped, 0);
		pid = fork();
		SETUP(pid >= 0, "fork");
		if (!pid)
			storm(&s);
		while (atomic_load(s.mapped) < ENOUGH) {
			EXPECT(now_ms() < began + patience_ms(),
			       "storm %u: %u UFFDIO_CONTINUEs worked in %d ms, expected %d", i,
			       atomic_load(s.mapped), patience_ms(), ENOUGH);
			sleep_ms(1);
		}
		SETUP(!kill(pid, SIGKILL), "kill");
		SETUP(waitpid(pid, &status, 0) == pid, "waitpid");
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		       "storm %u ended with status 0x%x, not by SIGKILL", i, status);
	}
	EXPECT_EQ(page_mapcount(s.r.a), 1, "kpagecount of a page that A alone maps");
	SETUP(!munmap(s.r.u, s.r.len) && !munmap(s.r.a, s.r.len) && !close(s.r.fd),
	      "munmap and close");
	if (huge)
		EXPECT_EQ(hugepages("free", run.page_size), free_before,
			  "free huge pages once everything is gone");
	EXPECT_EQ(taint(), tainted, "the kernel's taint");
	expect_clean_log(log);
}
