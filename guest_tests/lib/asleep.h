/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * That a waiter sleeps on, seen at once.  A wake-up makes a thread runnable before the ioctl
 * that does it returns; when it slept before and sleeps after, and the kernel has not switched
 * to or from it in between, nothing has woken it.
 */
#ifndef UFFD_TEST_ASLEEP_H
#define UFFD_TEST_ASLEEP_H

#include "uffd_test.h"

struct nap {
	long switches;		/* context switches of the thread when it fell asleep */
};

/* Of both kinds; -1 when the thread has ended. */
long context_switches(pid_t tid);

/*
 * Does thread @tid sleep in one of @states, and is it off its CPU?  To be asked until it does, with
 * one @nap that begins as NOT_YET: it is looked at twice.
 */
#define NOT_YET ((struct nap){ -1 })
bool sleeps(pid_t tid, const char *states, struct nap *nap);

/* The thread must come to sleep in the kernel. */
#define EXPECT_ASLEEP(t, ...) expect_asleep_at(__FILE__, __LINE__, t, __VA_ARGS__)
struct nap expect_asleep_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
	__printf(4, 5);
/* It must sleep still, and not have been woken since. */
#define EXPECT_UNWOKEN(t, nap, ...) expect_unwoken_at(__FILE__, __LINE__, t, nap, __VA_ARGS__)
void expect_unwoken_at(const char *file, int line, struct toucher *t, struct nap nap,
		       const char *fmt, ...) __printf(5, 6);

/* Is there an entry for @addr in the page table?  How many pages from @addr on have one? */
bool page_is_mapped(const void *addr);
size_t pages_mapped(const void *addr, size_t page, size_t max);

#endif
