/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two calls at the same time, round after round: one here, one by a rival thread.  Their starts
 * are shifted a little further against each other in each round, from "the rival is done before"
 * to "we are done before", so that each part of one call meets each part of the other.  In the
 * first round they do not meet: the rival comes second; in the last one it comes first.
 */
#ifndef UFFD_TEST_DUEL_H
#define UFFD_TEST_DUEL_H

#include "uffd_test.h"

struct duel {
	void (*prepare)(struct duel *duel);	/* before each round, alone */
	void (*act)(struct duel *duel);		/* against the rival, by the caller's thread */
	void (*rival)(struct duel *duel);	/* by a thread of its own */
	void (*judge)(struct duel *duel);	/* when both are done */
	void *arg;				/* the case's own */
	unsigned int rounds;
	unsigned int round;			/* from 1 on */

	/* How long each takes alone, in ns; measured in the first round. */
	uint64_t ours, theirs;
	pthread_t thread;
	_Atomic(unsigned int) begun, ended;
	uint64_t rivals_start;			/* CLOCK_MONOTONIC, ns */
};

/* All rounds. */
void duel_run(struct duel *duel);

#endif
