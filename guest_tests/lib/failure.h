/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that fails: MADV_HWPOISON and MADV_SOFT_OFFLINE, both for root only. */
#ifndef UFFD_TEST_FAILURE_H
#define UFFD_TEST_FAILURE_H

#include "uffd_test.h"

/*
 * Let the page that is mapped at @at fail.  The kernel may tell the caller, who has it mapped,
 * with a SIGBUS: that must say BUS_MCEERR_AR or, when it can wait, BUS_MCEERR_AO.
 */
#define POISON(at, len) poison_at(__FILE__, __LINE__, at, len)
void poison_at(const char *file, int line, void *at, size_t len);

/* Move the page that is mapped at @at away, so that its memory is used no more. */
void soft_offline(void *at, size_t len);

#endif
