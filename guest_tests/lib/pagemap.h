/* SPDX-License-Identifier: GPL-2.0-only */
/* A page-table entry and its page, as /proc shows them (Documentation/admin-guide/mm/pagemap.rst). */
#ifndef UFFD_TEST_PAGEMAP_H
#define UFFD_TEST_PAGEMAP_H

#include "uffd_test.h"

/* Bits of pagemap. */
#define PAGEMAP_SOFT_DIRTY (1ULL << 55)
#define PAGEMAP_EXCLUSIVE (1ULL << 56)
#define PAGEMAP_FILE (1ULL << 61)		/* of a file, or shared */
#define PAGEMAP_SWAP (1ULL << 62)
#define PAGEMAP_PRESENT (1ULL << 63)

/* Bits of kpageflags. */
#define PAGE_IS_ANON (1ULL << 12)
#define PAGE_IS_HUGETLB (1ULL << 17)
#define PAGE_IS_POISONED (1ULL << 19)
#define PAGE_IS_KSM (1ULL << 21)
#define PAGE_IS_THP (1ULL << 22)

uint64_t pagemap_entry(const void *addr);
/* Of a page that is present; root only. */
uint64_t pagemap_frame(const void *addr);
uint64_t page_flags(const void *addr);

#endif
