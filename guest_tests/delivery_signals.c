// SPDX-License-Identifier: GPL-2.0-only
/* Signals for threads that wait: in user mode, in kernel mode, and instead of a message. */
#include <signal.h>
#include <time.h>

#include "lib/caller.h"
#include "lib/raised.h"

#define BYTES 64

/* In the handler's own words: how often it ran, and in which thread at last. */
static _Atomic(int) handled;
static _Atomic(pid_t) handled_by;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store(&handled_by, (pid_t)syscall(SYS_gettid));
	atomic_fetch_add(&handled, 1);
}

static void install_handler(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	SETUP(!sigaction(SIGUSR1, &action, NULL), "sigaction(SIGUSR1)");
}

static void send_signal(pid_t tid, int sig)
{
	SETUP(!syscall(SYS_tgkill, getpid(), tid, sig), "tgkill");
}

static void expect_handled(const struct toucher *t, int times)
{
	int64_t end = now_ms() + patience_ms();

	while (atomic_load(&handled) < times && now_ms() < end)
		sleep_ms(1);
	EXPECT_EQ(atomic_load(&handled), times, "how often the handler has run");
	EXPECT_EQ(atomic_load(&handled_by), atomic_load(&t->tid), "thread that ran the handler");
}

CASE(signal_in_user_mode,
     DESC("a signal to a waiting thread: the handler runs, the fault starts anew, CONTINUE ends it")
     ROWS("DLV-33")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	struct toucher reader, writer;
	struct nap nap;
	int uffd;

	install_handler();
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&reader, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	for (int times = 1; times <= 3; times++) {
		EXPECT_ASLEEP(&reader, "before signal %d", times);
		EXPECT_NO_MSG(uffd, "before signal %d", times);
		send_signal(reader.tid, SIGUSR1);
		expect_handled(&reader, times);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	}
	EXPECT_ASLEEP(&reader, "after the signals");
	EXPECT_NO_MSG(uffd, "one message for each signal");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 1, "total: one thread waits");

	/* A message that is not read yet is taken back and sent anew: there is one, not two. */
	touch_start_write(&writer, r.u, 0x42);
	EXPECT_ASLEEP(&writer, "its message not read");
	send_signal(writer.tid, SIGUSR1);
	expect_handled(&writer, 4);
	nap = EXPECT_ASLEEP(&writer, "after the signal");
	EXPECT_EQ(fdinfo_number(uffd, "pending"), 1, "pending: one message is not read");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 2, "total: two threads wait");
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_NO_MSG(uffd, "the other one was taken back");
	EXPECT_UNWOKEN(&writer, nap, "message read");

	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&reader, &r, 1, 1);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&writer, "page resolved");
	EXPECT_EQ((unsigned char)r.u[0], 0x42, "what the write left in U");
	EXPECT_EQ(atomic_load(&handled), 4, "how often the handler has run");
	EXPECT_NO_MSG(uffd, "message after UFFDIO_CONTINUE");
}

static int64_t cpu_ms(clockid_t clock)
{
	struct timespec used;

	SETUP(!clock_gettime(clock, &used), "clock_gettime");
	return used.tv_sec * 1000LL + used.tv_nsec / 1000000;
}

#define SPUN_MS 50

/* The thread must use a CPU without end, seen as SPUN_MS of it, and be in state R. */
static void expect_spins(const struct caller *c, const char *what)
{
	int64_t began = now_ms(), end = began + patience_ms(), first, used;
	clockid_t clock;
	char state;

	SETUP(!pthread_getcpuclockid(c->thread, &clock), "pthread_getcpuclockid");
	first = cpu_ms(clock);
	do {
		sleep_ms(1);
		used = cpu_ms(clock) - first;
	} while (used < SPUN_MS && now_ms() < end);
	EXPECT(used >= SPUN_MS, "%s: expected it to take its fault again and again, it has used "
	       "%d ms of a CPU in %d ms", what, (int)used, (int)(now_ms() - began));
	do
		state = thread_state(c->tid);
	while (state != 'R' && now_ms() < end);
	EXPECT(state == 'R', "%s: expected the thread in state R, it is in %c", what,
	       state ? state : '?');
}

static void drain(int uffd)
{
	struct uffd_msg msg;

	while (uffd_read(uffd, &msg, 0))
		;
}

/* A call that waits for page @page, after a message with @flags, gets a signal. */
static void signal_call(const struct region *r, int uffd, struct caller *c, uint64_t flags,
			size_t page)
{
	char *at = r->u + page * r->page;
	int before = atomic_load(&handled);

	EXPECT_MSG(uffd, flags, at);
	EXPECT_WAITING(c, "S", "a call");
	send_signal(c->tid, SIGUSR1);
	expect_spins(c, "a signal to a thread that waits in a system call");
	EXPECT_EQ(atomic_load(&handled), before, "how often the handler has run so far");
	EXPECT(!c->done, "the call returned before UFFDIO_CONTINUE");
	EXPECT_OK(uffd_continue(uffd, at, r->page, 0), (int64_t)r->page, "UFFDIO_CONTINUE");
	EXPECT_RETURNED(c, BYTES, 0, "page resolved");
	EXPECT_EQ(atomic_load(&handled), before + 1, "how often the handler has run");
	EXPECT_EQ(atomic_load(&handled_by), c->tid, "thread that ran the handler");
	/* It may have sent any number of messages while nobody looked. */
	drain(uffd);
}

CASE(signal_in_kernel_mode,
     DESC("a signal to a thread that waits in a call: it spins until CONTINUE, then it is handled")
     ROWS("DLV-34 OBS-10")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	char data[BYTES], got[BYTES];
	struct caller c;
	int uffd, ends[2];

	install_handler();
	SETUP(!pipe2(ends, O_CLOEXEC), "pipe2");
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	memset(data, 0x5b, sizeof(data));
	uffd = uffd_on(&r, 0, MODE_MINOR);

	call_start(&c, SYS_write, ends[1], (long)r.u + r.page, BYTES);
	signal_call(&r, uffd, &c, FLAG_MINOR, 1);
	SETUP(read(ends[0], got, BYTES) == BYTES, "read");
	EXPECT(!memcmp(got, r.a + r.page, BYTES), "the pipe did not get what A has");

	SETUP(write(ends[1], data, BYTES) == BYTES, "write");
	call_start(&c, SYS_read, ends[0], (long)r.u, BYTES);
	signal_call(&r, uffd, &c, FLAG_MINOR | FLAG_WRITE, 0);
	EXPECT(!memcmp(r.u, data, BYTES), "U does not have what read(2) returned");
}

CASE(blocked_signal,
     DESC("a signal that the thread blocks or ignores: it sleeps on, in user and in kernel mode")
     ROWS("DLV-33 DLV-34")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	int uffd, ends[2];
	struct toucher t;
	struct caller c;
	struct nap nap, call_nap;
	sigset_t set;

	install_handler();
	SETUP(!pipe2(ends, O_CLOEXEC), "pipe2");
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	/* Threads inherit the mask. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SETUP(!pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask");
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	call_start(&c, SYS_write, ends[1], (long)r.u + r.page, BYTES);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	nap = EXPECT_ASLEEP(&t, "before the signals");
	call_nap = EXPECT_WAITING(&c, "S", "before the signals");
	for (int i = 0; i < 2; i++) {
		/* SIGWINCH has no handler and is ignored. */
		int sig = i ? SIGWINCH : SIGUSR1;

		send_signal(t.tid, sig);
		send_signal(c.tid, sig);
		EXPECT_UNWOKEN(&t, nap, "after %s", signal_name(sig));
		EXPECT_STILL_WAITING(&c, call_nap, "after %s", signal_name(sig));
	}
	EXPECT_NO_MSG(uffd, "signals that are no business of the threads");
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT_RETURNED(&c, BYTES, 0, "page resolved");
	EXPECT_EQ(atomic_load(&handled), 0, "how often the handler has run");
}

/* A touch of @at must raise SIGBUS and leave no trace. */
static void expect_sigbus(int uffd, enum touch how, char *at)
{
	struct toucher t;
	siginfo_t info;

	touch_start(&t, how, at);
	info = EXPECT_RAISED(&t, SIGBUS, "unresolved page, feature SIGBUS");
	EXPECT_EQ(info.si_code, BUS_ADRERR, "si_code of the SIGBUS");
	EXPECT_EQ((uintptr_t)info.si_addr, (uintptr_t)at, "si_addr of the SIGBUS");
	EXPECT_NO_MSG(uffd, "feature SIGBUS");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: with feature SIGBUS");
	EXPECT_EQ(page_is_mapped(at), false, "the page is mapped after SIGBUS");
}

CASE(sigbus_instead_of_message,
     DESC("feature SIGBUS: a touch raises it, BUS_ADRERR, no message; after CONTINUE it works")
     ROWS("DLV-26")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	keep_siginfo();
	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_SIGBUS, MODE_MINOR);
	expect_sigbus(uffd, TOUCH_READ, r.u);
	expect_sigbus(uffd, TOUCH_READ, r.u + 2 * r.page - 1);
	expect_sigbus(uffd, TOUCH_WRITE, r.u + r.page + 0x123);
	expect_sigbus(uffd, TOUCH_READ, r.u);
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");

	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 1, 1);
	touch_start_write(&t, r.u + r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a resolved page");
	expect_sigbus(uffd, TOUCH_WRITE, r.u + 8);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);

	/* A hole is no minor fault, and nothing to raise a signal for. */
	touch_start(&t, TOUCH_READ, r.u + 2 * r.page);
	EXPECT_FINISHED(&t, "read of a hole");
	EXPECT_EQ(t.seen, 0, "byte read from a hole");
	EXPECT_NO_MSG(uffd, "feature SIGBUS");
}
