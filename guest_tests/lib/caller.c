// SPDX-License-Identifier: GPL-2.0-only
/* System calls that may have to wait. */
#include <signal.h>

#include "caller.h"

static void *make_call(void *arg)
{
	struct caller *c = arg;
	const long *a = c->args;

	atomic_store(&c->tid, (pid_t)syscall(SYS_gettid));
	errno = 0;
	c->ret = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	c->err = c->ret == -1 ? errno : 0;
	if (c->in_child && !c->ret) {
		c->in_child(c->child);
		_exit(EXIT_SUCCESS);
	}
	atomic_store(&c->done, true);
	return NULL;
}

static void start(struct caller *c)
{
	int err = pthread_create(&c->thread, NULL, make_call, c);

	if (err)
		bail_at(__FILE__, __LINE__, err, "pthread_create");
}

void call_start_args(struct caller *c, const long args[7])
{
	*c = (struct caller){ 0 };
	memcpy(c->args, args, sizeof(c->args));
	start(c);
}

void call_start_fork(struct caller *c, unsigned int flags, void (*in_child)(void *), void *child)
{
	/* arm64 has no fork(2). */
	*c = (struct caller){ .args = { SYS_clone, SIGCHLD | flags }, .in_child = in_child,
			      .child = child };
	start(c);
}

struct nap expect_waiting_at(const char *file, int line, struct caller *c, const char *states,
			     const char *fmt, ...)
{
	struct nap nap = NOT_YET;
	char text[300], state;

	count_assertion();
	for (int64_t end = now_ms() + patience_ms(); !atomic_load(&c->done) && now_ms() < end;) {
		if (sleeps(atomic_load(&c->tid), states, &nap))
			return nap;
		sleep_ms(1);
	}
	FORMAT(text);
	if (atomic_load(&c->done))
		fail_at(file, line, "%s: expected it to wait, it has returned %ld/%s", text,
			c->ret, errno_name(c->err));
	state = thread_state(atomic_load(&c->tid));
	fail_at(file, line, "%s: expected it to wait in state %s, it is in %c", text, states,
		state ? state : '?');
}

void expect_still_waiting_at(const char *file, int line, struct caller *c, struct nap nap,
			     const char *fmt, ...)
{
	char text[300];

	count_assertion();
	if (!atomic_load(&c->done) && context_switches(atomic_load(&c->tid)) == nap.switches)
		return;
	FORMAT(text);
	fail_at(file, line, "%s: expected the call to wait on, it %s", text,
		atomic_load(&c->done) ? "has returned" : "was woken");
}

static void await(const char *file, int line, struct caller *c, const char *text)
{
	for (int64_t end = now_ms() + patience_ms(); !atomic_load(&c->done) && now_ms() < end;)
		sleep_ms(1);
	if (!atomic_load(&c->done))
		fail_at(file, line, "%s: expected it to return, it has not after %d ms (state %c)",
			text, patience_ms(), thread_state(atomic_load(&c->tid)));
	pthread_join(c->thread, NULL);
}

void expect_returned_at(const char *file, int line, struct caller *c, long ret, int err,
			const char *fmt, ...)
{
	char text[300];

	count_assertion();
	FORMAT(text);
	await(file, line, c, text);
	if (c->ret != ret || c->err != err)
		fail_at(file, line, "%s: expected %ld/%s, it returned %ld/%s", text, ret,
			errno_name(err), c->ret, errno_name(c->err));
}

void expect_at_once_at(const char *file, int line, struct caller *c, int uffd, long ret, int err,
		       const char *fmt, ...)
{
	struct uffd_msg msg = { 0 };
	char text[300];
	bool message = false;

	count_assertion();
	FORMAT(text);
	for (int64_t end = now_ms() + patience_ms(); !message && now_ms() < end;) {
		/* In this order: what it sent is there when it is done. */
		bool done = atomic_load(&c->done);

		message = uffd_read(uffd, &msg, !done);
		if (done)
			break;
	}
	if (message)
		fail_at(file, line, "%s: expected it to return without a message, got event 0x%x, "
			"flags 0x%llx", text, msg.event,
			(unsigned long long)msg.arg.pagefault.flags);
	expect_returned_at(file, line, c, ret, err, "%s", text);
}

long expect_success_at(const char *file, int line, struct caller *c, const char *fmt, ...)
{
	char text[300];

	count_assertion();
	FORMAT(text);
	await(file, line, c, text);
	if (c->err)
		fail_at(file, line, "%s: expected it to work, it failed with %s", text,
			errno_name(c->err));
	return c->ret;
}

static void resolve(const char *file, int line, int uffd, const struct region *r, size_t page)
{
	expect_outcome_at(file, line, "uffd_continue()",
			  uffd_continue(uffd, r->u + page * r->page, r->page, 0), 0,
			  (int64_t)r->page, "UFFDIO_CONTINUE of page %zu", page);
}

void expect_waits_for_each_at(const char *file, int line, struct caller *c, int uffd,
			      struct walk walk)
{
	const struct region *r = walk.r;

	for (size_t page = walk.first; page < walk.first + walk.n; page++) {
		char *at = r->u + page * r->page;
		struct nap nap;

		expect_msg_at(file, line, uffd, walk.flags, at);
		nap = expect_waiting_at(file, line, c, "SD", "%s, page %zu unresolved", walk.name,
					page);
		expect_eq_at(file, line, "pages_mapped()", pages_mapped(at, r->page, 1), 0,
			     "is page %zu mapped", page);
		if (page == walk.first)
			resolve(file, line, uffd, r, walk.other);
		expect_still_waiting_at(file, line, c, nap, "%s, page %zu unresolved", walk.name,
					page);
		expect_no_msg_at(file, line, uffd, "%s, one page at a time", walk.name);
		resolve(file, line, uffd, r, page);
	}
}
