// SPDX-License-Identifier: GPL-2.0-only
/* Two calls at the same time, round after round. */
#include <time.h>

#include "duel.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/*
 * Between the calls: a thread that spins holds its CPU in this process's memory map, and then
 * each unmapping has to interrupt that CPU, which is slow when it is emulated.
 */
static void nap(void)
{
	const struct timespec t = { 0, 50000 };

	nanosleep(&t, NULL);
}

/* Sleeping would cost more than both calls together. */
static void spin_until(uint64_t ns)
{
	while (now_ns() < ns)
		;
}

static void *run_rival(void *arg)
{
	struct duel *d = arg;

	for (unsigned int round = 1; round <= d->rounds; round++) {
		uint64_t began;

		while (atomic_load(&d->begun) < round)
			nap();
		spin_until(d->rivals_start);
		began = now_ns();
		d->rival(d);
		if (round == 1)
			d->theirs = now_ns() - began;
		atomic_store(&d->ended, round);
	}
	return NULL;
}

static void await_rival(const struct duel *d)
{
	uint64_t deadline = now_ns() + patience_ms() * 1000000ULL;

	while (atomic_load(&d->ended) < d->round) {
		if (now_ns() > deadline)
			FAIL("the rival of round %u has not ended after %d ms", d->round,
			     patience_ms());
		nap();
	}
}

static void begin(struct duel *d, uint64_t rivals_start)
{
	d->rivals_start = rivals_start;
	atomic_store(&d->begun, d->round);
}

void duel_run(struct duel *d)
{
	int err = pthread_create(&d->thread, NULL, run_rival, d);

	if (err)
		bail_at(__FILE__, __LINE__, err, "pthread_create");
	for (d->round = 1; d->round <= d->rounds; d->round++) {
		d->prepare(d);
		if (d->round == 1) {
			uint64_t began = now_ns();

			d->act(d);
			d->ours = now_ns() - began;
			begin(d, 0);
		} else if (d->round == d->rounds) {
			begin(d, 0);
			await_rival(d);
			d->act(d);
		} else {
			/* Both are awake by then. */
			uint64_t start = now_ns() + 300000;

			begin(d, start + (d->ours + d->theirs) * (d->round - 1) / d->rounds);
			spin_until(start + d->theirs);
			d->act(d);
		}
		await_rival(d);
		d->judge(d);
	}
	JOIN_THREADS(&d->thread, 1, "rival");
}
