// SPDX-License-Identifier: GPL-2.0-only
/* A child process that does what it is told. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "child.h"

struct order {
	enum { READ_PAGE, WRITE, FORK, CALL } what;
	char *addr;
	size_t len;
	unsigned int number, version;
	unsigned char value;
	struct child *grandchild;
	long args[7];
};

static void serve(void *arg);

static void obey(const struct order *o, struct child_answer *answer)
{
	const long *a = o->args;
	sigjmp_buf guard;
	long ret;

	answer->ret = answer->err = answer->signal = 0;
	answer->mismatch = -1;
	fault_guard = &guard;
	if (sigsetjmp(guard, 0)) {
		answer->signal = fault_signal;
	} else if (o->what == READ_PAGE) {
		answer->mismatch = find_mismatch(o->addr, o->len, o->number, o->version);
	} else if (o->what == WRITE) {
		*(volatile unsigned char *)o->addr = o->value;
	} else {
		ret = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
		if (o->what == FORK && !ret)
			serve(o->grandchild);	/* its answers are others */
		answer->ret = ret;
		answer->err = ret == -1 ? errno : 0;
	}
	fault_guard = NULL;
}

/* Nothing of this allocates: another thread may have held the allocator's lock at the fork. */
static void serve(void *arg)
{
	struct child *c = arg;
	struct order order;

	/* So that it ends with this process: until then nobody can reap a thread it traces. */
	if (!c->shares_files)
		close(c->orders[1]);
	while (read(c->orders[0], &order, sizeof(order)) == sizeof(order)) {
		obey(&order, c->answer);
		atomic_fetch_add(&c->answer->given, 1);
	}
	_exit(EXIT_SUCCESS);
}

void child_prepare(struct child *c)
{
	*c = (struct child){ 0 };
	SETUP(!pipe2(c->orders, O_CLOEXEC), "pipe");
	c->answer = mmap(NULL, sizeof(*c->answer), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	SETUP(c->answer != MAP_FAILED, "mmap of shared memory");
}

void child_start(struct child *c, unsigned int flags)
{
	child_prepare(c);
	c->shares_files = flags & CLONE_FILES;
	call_start_fork(&c->birth, flags, serve, c);
}

void child_born(struct child *c)
{
	c->pid = EXPECT_SUCCESS(&c->birth, "fork");
}

void child_make(struct child *c)
{
	child_start(c, 0);
	child_born(c);
}

static void give(struct child *c, const struct order *order)
{
	c->given++;
	SETUP(write(c->orders[1], order, sizeof(*order)) == sizeof(*order), "write to a pipe");
}

void child_read_page(struct child *c, const struct region *r, size_t page, unsigned int version)
{
	struct order order = { .what = READ_PAGE, .addr = r->u + page * r->page, .len = r->page,
			       .number = page, .version = version };

	give(c, &order);
}

void child_write(struct child *c, char *addr, unsigned char value)
{
	struct order order = { .what = WRITE, .addr = addr, .value = value };

	give(c, &order);
}

void child_fork(struct child *c, struct child *grandchild)
{
	struct order order = { .what = FORK, .grandchild = grandchild,
			       .args = { SYS_clone, SIGCHLD } };

	give(c, &order);
}

void child_call_args(struct child *c, const long args[7])
{
	struct order order = { .what = CALL };

	memcpy(order.args, args, sizeof(order.args));
	give(c, &order);
}

static bool has_done(const struct child *c)
{
	return atomic_load(&c->answer->given) == c->given;
}

static char state_of(pid_t pid)
{
	char path[32], line[256] = "", *after;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '?';
	if (read(fd, line, sizeof(line) - 1) < 0)
		errno = 0;	/* it has ended: there is no state */
	close(fd);
	after = strrchr(line, ')');
	return after && after[1] ? after[2] : '?';
}

void expect_child_waits_at(const char *file, int line, struct child *c, const char *fmt, ...)
{
	char text[300], state = '?';

	count_assertion();
	for (int64_t end = now_ms() + patience_ms(); !has_done(c) && now_ms() < end;) {
		state = state_of(c->pid);
		if (strchr("SD", state) && !has_done(c))
			return;
		sleep_ms(1);
	}
	FORMAT(text);
	fail_at(file, line, "%s: expected the child to wait, it %s (state %c)", text,
		has_done(c) ? "went on" : "does not sleep", state);
}

void expect_child_done_at(const char *file, int line, struct child *c, const char *fmt, ...)
{
	const struct child_answer *answer = c->answer;
	char text[300];

	count_assertion();
	FORMAT(text);
	for (int64_t end = now_ms() + patience_ms(); !has_done(c) && now_ms() < end;)
		sleep_ms(1);
	if (!has_done(c))
		fail_at(file, line, "%s: expected the child to go on, it has not after %d ms "
			"(state %c)", text, patience_ms(), state_of(c->pid));
	if (answer->signal)
		fail_at(file, line, "%s: the child got %s", text, signal_name(answer->signal));
	if (answer->err)
		fail_at(file, line, "%s: the child's call failed with %s", text,
			errno_name(answer->err));
	if (answer->mismatch >= 0)
		fail_at(file, line, "%s: the child saw another content at offset 0x%zx", text,
			(size_t)answer->mismatch);
}

void expect_child_at_once_at(const char *file, int line, struct child *c, int uffd, long ret,
			     int err, const char *fmt, ...)
{
	const struct child_answer *answer = c->answer;
	struct uffd_msg msg = { 0 };
	bool message = false, done = false;
	char text[300];

	count_assertion();
	FORMAT(text);
	for (int64_t end = now_ms() + patience_ms(); !message && !done && now_ms() < end;) {
		/* In this order: what it sent is there when it is done. */
		done = has_done(c);
		message = uffd_read(uffd, &msg, !done);
	}
	if (message)
		fail_at(file, line, "%s: expected it to return without a message, got event 0x%x, "
			"flags 0x%llx", text, msg.event,
			(unsigned long long)msg.arg.pagefault.flags);
	if (!done)
		fail_at(file, line, "%s: expected it to return, it has not after %d ms (state %c)",
			text, patience_ms(), state_of(c->pid));
	if (answer->signal || answer->ret != ret || answer->err != err)
		fail_at(file, line, "%s: expected %ld/%s, got %ld/%s (%s)", text, ret,
			errno_name(err), answer->ret, errno_name(answer->err),
			answer->signal ? signal_name(answer->signal) : "no signal");
}

void child_end(struct child *c)
{
	kill(c->pid, SIGKILL);
	SETUP(waitpid(c->pid, NULL, 0) == c->pid, "waitpid");
}
