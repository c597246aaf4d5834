// SPDX-License-Identifier: GPL-2.0-only
/* Touches that must raise a signal. */
#include "raised.h"

/* Written in the handler, read once its toucher is done: one toucher at a time raises. */
static siginfo_t last;
static struct sigaction before;

/* Keep what came, and go on as toucher.c does. */
static void keep(int sig, siginfo_t *info, void *context)
{
	last = *info;
	before.sa_sigaction(sig, info, context);
}

void keep_siginfo(void)
{
	struct sigaction action = { .sa_sigaction = keep, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigemptyset(&action.sa_mask);
	SETUP(!sigaction(SIGSEGV, &action, &before), "sigaction(SIGSEGV)");
	SETUP(!sigaction(SIGBUS, &action, NULL), "sigaction(SIGBUS)");
}

siginfo_t expect_raised_at(const char *file, int line, struct toucher *t, int sig,
			   const char *fmt, ...)
{
	const char *how = t->how == TOUCH_WRITE ? "write" : "read";
	char text[300], name[48];

	count_assertion();
	FORMAT(text);
	if (!region_name((const void *)t->addr, name, sizeof(name)))
		snprintf(name, sizeof(name), "%p", (void *)t->addr);
	for (int64_t end = now_ms() + patience_ms(); !atomic_load(&t->done) && now_ms() < end;)
		sleep_ms(1);
	if (!atomic_load(&t->done))
		fail_at(file, line, "%s: expected the %s of %s to raise %s, it has not ended after "
			"%d ms", text, how, name, signal_name(sig), patience_ms());
	pthread_join(t->thread, NULL);
	if (t->signal != sig)
		fail_at(file, line, "%s: expected the %s of %s to raise %s, got %s", text, how,
			name, signal_name(sig), t->signal ? signal_name(t->signal) : "none");
	return last;
}

void expect_segv_at(const char *file, int line, const struct region *r, enum touch how,
		    size_t offset)
{
	struct toucher t;
	siginfo_t info;

	touch_start(&t, how, r->u + offset);
	info = expect_raised_at(file, line, &t, SIGSEGV, "forbidden by mprotect(2)");
	expect_eq_at(file, line, "info.si_code", info.si_code, SEGV_ACCERR, "its si_code");
	expect_eq_at(file, line, "info.si_addr", (uintptr_t)info.si_addr,
		     (uintptr_t)(r->u + offset), "its si_addr, of U + 0x%zx", offset);
}
