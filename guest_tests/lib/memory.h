/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that is no parameter of a case, and layouts of several mappings.
 *
 * Each maker returns a region as region_make() does; where A is not NULL it is a second
 * mapping of the same pages.
 */
#ifndef UFFD_TEST_MEMORY_H
#define UFFD_TEST_MEMORY_H

#include "uffd_test.h"

/* ---- other memory (memory.c) ------------------------------------------------------- */

/* A file of a tmpfs; @how: MAP_SHARED or MAP_PRIVATE. */
struct region region_tmpfs(int how, size_t pages);
struct region region_dev_zero(int how, size_t pages);	/* private: anonymous, A is NULL */
struct region region_anon_shared(size_t pages);
/* @flags: 0 or SHM_HUGETLB, then of run.page_size. */
struct region region_sysv(int flags, size_t pages);
struct region region_secret(size_t pages);		/* memfd_secret(2); A is NULL */
struct region region_droppable(size_t pages);		/* MAP_DROPPABLE; A is NULL */

/* ---- layouts (memory.c) ------------------------------------------------------------ */

/* Addresses at a multiple of @align that are this case's own: PROT_NONE all over. */
char *room_make(size_t len, size_t align);
/* Map pages of @r's file at @at, from its page @first on; the returned U is there, A is @r's. */
struct region map_at(const struct region *r, char *at, size_t first, size_t pages, int prot,
		     int how);
void unmap_at(char *at, size_t len);
/* The end of this process's last mapping, behind which two pages are its own and unmapped. */
uint64_t last_mapping_end(void);
/* Another file descriptor of @r's file. */
int reopen(const struct region *r, int flags);

/* ---- is it registered? (armed.c) --------------------------------------------------- */

/* smaps shows exactly these of ui, um, uw, ur: "" for none, "ui um". */
#define EXPECT_FLAGS(addr, flags, ...)						\
	EXPECT_FLAGS_OF(getpid(), addr, flags, __VA_ARGS__)
/* So does that of another process. */
#define EXPECT_FLAGS_OF(pid, addr, flags, ...)					\
	expect_flags_at(__FILE__, __LINE__, pid, addr, flags, __VA_ARGS__)
void expect_flags_at(const char *file, int line, pid_t pid, const void *addr,
		     const char *flags, const char *fmt, ...) __printf(6, 7);

/* A read of U's page, present and not mapped, is a minor fault that CONTINUE resolves. */
#define EXPECT_MINOR_WORKS(uffd, r, page)					\
	expect_minor_works_at(__FILE__, __LINE__, uffd, r, page)
void expect_minor_works_at(const char *file, int line, int uffd, const struct region *r,
			   size_t page);
/* A write to U's page, a hole, is a missing fault that COPY resolves. */
#define EXPECT_MISSING_WORKS(uffd, r, page)					\
	expect_missing_works_at(__FILE__, __LINE__, uffd, r, page)
void expect_missing_works_at(const char *file, int line, int uffd, const struct region *r,
			     size_t page);
/* A read of U's page, present and not mapped, is nobody's business. */
#define EXPECT_NO_FAULT(uffd, r, page)						\
	expect_no_fault_at(__FILE__, __LINE__, uffd, r, page)
void expect_no_fault_at(const char *file, int line, int uffd, const struct region *r,
			size_t page);

#endif
