// SPDX-License-Identifier: GPL-2.0-only
/* Faulting threads: the only ones that ever touch U. */
#include <signal.h>
#include <time.h>

#include "uffd_test.h"

__thread sigjmp_buf *fault_guard;
__thread int fault_signal, fault_code;

/*
 * A touch under a guard goes on behind the guard.  Any other: the kernel's fault when the
 * address is under test, this program's otherwise.
 */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	char name[48];

	(void)context;
	fault_signal = sig;
	fault_code = info->si_code;
	if (fault_guard)
		siglongjmp(*fault_guard, 1);
	if (region_name(info->si_addr, name, sizeof(name)))
		FAIL("touching %s raised %s, %s", name, signal_name(sig),
		     si_code_name(sig, info->si_code));
	BAIL("the test raised %s, %s, at %p, which is not under test", signal_name(sig),
	     si_code_name(sig, info->si_code), info->si_addr);
}

void install_fault_handler(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigemptyset(&action.sa_mask);
	SETUP(!sigaction(SIGSEGV, &action, NULL), "sigaction(SIGSEGV)");
	SETUP(!sigaction(SIGBUS, &action, NULL), "sigaction(SIGBUS)");
}

void sleep_ms(int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void *touch(void *arg)
{
	struct toucher *t = arg;
	sigjmp_buf guard;

	atomic_store(&t->tid, (pid_t)syscall(SYS_gettid));
	fault_guard = &guard;
	if (sigsetjmp(guard, 0)) {
		t->signal = fault_signal;
		t->si_code = fault_code;
	} else if (t->how == TOUCH_WRITE) {
		*t->addr = t->value;
	} else if (t->how == TOUCH_READ_PAGE) {
		FOR_PIECES(p, t->len)
			memcpy((char *)t->copy + p.at, (const char *)t->addr + p.at, p.len);
	} else {
		t->seen = *t->addr;
	}
	fault_guard = NULL;
	atomic_store(&t->done, true);
	return NULL;
}

static void start(struct toucher *t)
{
	int err = pthread_create(&t->thread, NULL, touch, t);

	if (err)
		bail_at(__FILE__, __LINE__, err, "pthread_create");
}

void touch_start(struct toucher *t, enum touch how, void *addr)
{
	*t = (struct toucher){ .how = how, .addr = addr };
	start(t);
}

void touch_start_write(struct toucher *t, void *addr, unsigned char value)
{
	*t = (struct toucher){ .how = TOUCH_WRITE, .addr = addr, .value = value };
	start(t);
}

void touch_start_page(struct toucher *t, const struct region *r, size_t page)
{
	*t = (struct toucher){
		.how = TOUCH_READ_PAGE, .addr = (unsigned char *)r->u + page * r->page,
		.len = r->page, .copy = malloc(r->page),
	};
	SETUP(t->copy, "malloc of %zu bytes", r->page);
	/* Its own page faults are over before the thread starts. */
	FOR_PIECES(p, r->page)
		memset((char *)t->copy + p.at, 0xa5, p.len);
	start(t);
}

static const char *touched(const struct toucher *t, char *buf, size_t size)
{
	char name[48];

	if (!region_name((const void *)t->addr, name, sizeof(name)))
		snprintf(name, sizeof(name), "%p", (void *)t->addr);
	snprintf(buf, size, "%s of %s", t->how == TOUCH_WRITE ? "write" : "read", name);
	return buf;
}

static void check_no_signal(const char *file, int line, const struct toucher *t)
{
	char what[64];

	if (t->signal)
		fail_at(file, line, "%s raised %s, %s", touched(t, what, sizeof(what)),
			signal_name(t->signal), si_code_name(t->signal, t->si_code));
}

static char state_of(struct toucher *t)
{
	pid_t tid = atomic_load(&t->tid);

	return tid ? thread_state(tid) : 'R';
}

void expect_blocked_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
{
	char text[300], what[64];
	char state = 0;

	count_assertion();
	FORMAT(text);
	touched(t, what, sizeof(what));

	for (int64_t end = now_ms() + patience_ms(); now_ms() < end;) {
		state = state_of(t);
		if (atomic_load(&t->done) || state == 'S')
			break;
		sleep_ms(5);
	}
	if (!atomic_load(&t->done))
		sleep_ms(settle_ms());
	if (atomic_load(&t->done)) {
		check_no_signal(file, line, t);
		fail_at(file, line, "%s: expected the %s to stay blocked, but it finished", text,
			what);
	}
	state = state_of(t);
	if (state != 'S')
		fail_at(file, line, "%s: expected the thread doing the %s in state S, it is in %c",
			text, what, state ? state : '?');
}

static bool wait_done(struct toucher *t)
{
	for (int64_t end = now_ms() + patience_ms(); now_ms() < end;) {
		if (atomic_load(&t->done))
			return true;
		sleep_ms(1);
	}
	return atomic_load(&t->done);
}

void expect_finished_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
{
	char text[300], what[64];

	count_assertion();
	if (!wait_done(t)) {
		char state = state_of(t);

		FORMAT(text);
		fail_at(file, line, "%s: expected the %s to finish, still in state %c after %d ms",
			text, touched(t, what, sizeof(what)), state ? state : '?', patience_ms());
	}
	pthread_join(t->thread, NULL);
	check_no_signal(file, line, t);
}

void expect_seen_at(const char *file, int line, struct toucher *t, const struct region *r,
		    size_t page, unsigned int version)
{
	size_t offset = (size_t)((char *)t->addr - r->u) - page * r->page;
	char what[64];
	ssize_t bad;

	expect_finished_at(file, line, t, "page %zu resolved", page);
	touched(t, what, sizeof(what));
	if (t->how == TOUCH_READ) {
		unsigned char want = pattern_byte(offset, page, version);

		if (t->seen != want)
			fail_at(file, line,
				"%s: expected 0x%02x (version %u of page %zu), got 0x%02x", what,
				want, version, page, t->seen);
		return;
	}
	bad = find_mismatch(t->copy, t->len, page, version);
	if (bad >= 0) {
		uint64_t got;

		memcpy(&got, (char *)t->copy + bad, sizeof(got));
		fail_at(file, line,
			"%s: page %zu is not version %u throughout: at offset 0x%zx the thread "
			"saw 0x%016llx", what, page, version, (size_t)bad, (unsigned long long)got);
	}
	free(t->copy);
	t->copy = NULL;
}

void expect_readable_at(const char *file, int line, const struct region *r, size_t page,
			unsigned int version)
{
	struct toucher t;

	touch_start_page(&t, r, page);
	expect_seen_at(file, line, &t, r, page, version);
}

void run_threads(pthread_t *threads, size_t n, void *(*fn)(void *), void **args)
{
	for (size_t i = 0; i < n; i++) {
		int err = pthread_create(&threads[i], NULL, fn, args[i]);

		if (err)
			bail_at(__FILE__, __LINE__, err, "pthread_create");
	}
}

void join_threads_at(const char *file, int line, pthread_t *threads, size_t n, const char *what)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 2 * patience_ms() / 1000 + 1;
	for (size_t i = 0; i < n; i++)
		if (pthread_timedjoin_np(threads[i], NULL, &deadline) == ETIMEDOUT)
			fail_at(file, line, "%s %zu of %zu has not ended", what, i + 1, n);
}
