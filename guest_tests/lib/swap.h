/* SPDX-License-Identifier: GPL-2.0-only */
/* A few MiB of swap on a RAM disk, and pages that go there. */
#ifndef UFFD_TEST_SWAP_H
#define UFFD_TEST_SWAP_H

#include "uffd_test.h"

void swap_on(void);
/* swapoff(2) must return: it does when no entry is in use, and one forgotten keeps it for ever. */
#define EXPECT_SWAP_OFF(...) expect_swap_off_at(__FILE__, __LINE__, __VA_ARGS__)
void expect_swap_off_at(const char *file, int line, const char *fmt, ...) __printf(3, 4);

/* Write @pages pages from @at on to swap: they must be mapped there and nowhere else. */
void swap_out(char *at, size_t pages);
/* Is the page of the file that is mapped at @at in memory? */
bool in_memory(const char *at);

#endif
