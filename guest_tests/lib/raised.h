/* SPDX-License-Identifier: GPL-2.0-only */
/* Touches that must raise a signal, and what the signal says. */
#ifndef UFFD_TEST_RAISED_H
#define UFFD_TEST_RAISED_H

#include <signal.h>

#include "uffd_test.h"

/* The touch must end with @sig; what came with it. */
#define EXPECT_RAISED(t, sig, ...) expect_raised_at(__FILE__, __LINE__, t, sig, __VA_ARGS__)
siginfo_t expect_raised_at(const char *file, int line, struct toucher *t, int sig,
			   const char *fmt, ...) __printf(5, 6);
/* A touch of U at @offset must be what mprotect(2) forbids. */
#define EXPECT_SEGV(r, how, offset) expect_segv_at(__FILE__, __LINE__, r, how, offset)
void expect_segv_at(const char *file, int line, const struct region *r, enum touch how,
		    size_t offset);
/* To be called before the first such touch: from then on siginfo is kept. */
void keep_siginfo(void);

#endif
