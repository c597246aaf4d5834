/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared memory in transparent huge pages. */
#ifndef UFFD_TEST_THP_H
#define UFFD_TEST_THP_H

#include "uffd_test.h"

/* Bytes of a transparent huge page. */
size_t thp_size(void);
/* Base pages of @thps such pages, of the case's memory; U and A begin at a multiple of them. */
struct region region_thp(size_t thps);
/* Write a word of its own into each of A's base pages from @first on, and look for it. */
void fill_words(const struct region *r, size_t first, size_t pages);
#define EXPECT_WORDS(at, first, pages, ...)					\
	expect_words_at(__FILE__, __LINE__, at, first, pages, __VA_ARGS__)
void expect_words_at(const char *file, int line, const char *at, size_t first, size_t pages,
		     const char *fmt, ...) __printf(6, 7);

/* madvise(MADV_COLLAPSE), since 6.1: 0 or an errno. */
int collapse(void *at, size_t len);
/* Bytes of the mapping that are mapped by huge page-table entries (ShmemPmdMapped of smaps). */
uint64_t pmd_mapped(const void *at);
/* Collapse A's pages, which must do, and check that they are huge. */
void make_huge(const struct region *r);

#endif
