/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own memory, as far as root may read it: its symbols, and what is there. */
#ifndef UFFD_TEST_KERNEL_MEMORY_H
#define UFFD_TEST_KERNEL_MEMORY_H

#include "uffd_test.h"

/* Address of the symbol @name in /proc/kallsyms; 0 when it has none of that name. */
uint64_t kernel_symbol(const char *name);
/* @len bytes at the kernel's address @from, through /proc/kcore. */
void kernel_read(uint64_t from, void *buf, size_t len);
/* Which of @n texts, each with its NUL, are in the kernel's code and constants? */
void kernel_image_search(const char *const *texts, bool *found, size_t n);

#endif
