// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE of a whole range, and at the same time something that takes the range away. */
#include <linux/falloc.h>

#include "lib/asleep.h"
#include "lib/duel.h"

#define ROUNDS 24
#define HELD 4			/* in each such round a thread waits for page 0 */

struct arena {
	struct region r;
	uint64_t mode;
	int uffd;
	struct outcome got, rivals;
	size_t stolen, end;		/* the pages that the rival takes away */
	bool waits;
	struct toucher waiter;
	unsigned int won, lost, partly;
};

static struct arena *arena_of(struct duel *d)
{
	return d->arg;
}

static size_t mapped_pages(const struct region *r)
{
	size_t n = 0;

	for (size_t page = 0; page < r->pages; page++) {
		size_t row = pages_mapped(r->u + page * r->page, r->page, r->pages - page);

		n += row;
		page += row;
	}
	return n;
}

/* One byte in each quarter of A's page, of that version. */
static void stamp(const struct region *r, size_t page, unsigned int version)
{
	for (size_t offset = 5; offset < r->page; offset += r->page / 4)
		r->a[page * r->page + offset] = pattern_byte(offset, page, version);
}

static void expect_stamp(const struct region *r, size_t page, unsigned int version,
			 unsigned int round)
{
	for (size_t offset = 5; offset < r->page; offset += r->page / 4) {
		unsigned char want = pattern_byte(offset, page, version);
		unsigned char seen = ((volatile unsigned char *)r->u)[page * r->page + offset];

		EXPECT(seen == want, "round %u: U's page %zu, offset 0x%zx: expected 0x%02x "
		       "(version %u, which A has), got 0x%02x: another page is mapped", round,
		       page, offset, want, version, seen);
	}
}

/* U is mapped anew, and registered by a uffd that is new, too. */
static void renew(struct duel *d)
{
	struct arena *a = arena_of(d);
	char *at = a->r.u;

	if (d->round > 1)
		close(a->uffd);		/* EBADF when the rival has done it */
	SETUP(mmap(at, a->r.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, a->r.fd, 0) == at,
	      "mmap of U");
	a->uffd = uffd_on(&a->r, 0, a->mode);
	a->waits = false;
}

static void renew_with_waiter(struct duel *d)
{
	struct arena *a = arena_of(d);

	renew(d);
	a->waits = d->round % HELD == 0;
	if (a->waits) {
		touch_start(&a->waiter, TOUCH_READ, a->r.u + 5);
		EXPECT_MSG(a->uffd, FLAG_MINOR, a->r.u);
	}
}

static void continue_all(struct duel *d)
{
	struct arena *a = arena_of(d);

	a->got = uffd_continue(a->uffd, a->r.u, a->r.len, 0);
}

/*
 * It is done wholly, or was refused with @err, or ended after some pages, @at_least that many;
 * never anything else.  In the last round, with the rival before it: @err, or without one an end
 * after just that many pages.
 */
static void expect_whole_or(struct duel *d, int err, int64_t out, size_t at_least)
{
	struct arena *a = arena_of(d);
	struct outcome got = a->got;
	bool early = d->round == 1, late = d->round == d->rounds;
	int64_t least = at_least * a->r.page;

	a->won += !got.err;
	a->partly += got.err == EAGAIN;
	a->lost += got.err && got.err != EAGAIN;
	if (early || (!late && !got.err))
		EXPECT_OK(got, (int64_t)a->r.len, "UFFDIO_CONTINUE of all, round %u", d->round);
	else if (late && !err)
		EXPECT_OUTCOME(got, EAGAIN, least, "UFFDIO_CONTINUE of all once the rest is gone");
	else if (!late && got.err == EAGAIN)
		EXPECT(got.out > 0 && got.out >= least && got.out < (int64_t)a->r.len &&
		       got.out % a->r.page == 0,
		       "round %u: UFFDIO_CONTINUE gave EAGAIN with mapped=%lld, of %zu", d->round,
		       (long long)got.out, a->r.len);
	else
		EXPECT_OUTCOME(got, err, out, "UFFDIO_CONTINUE, round %u%s", d->round,
			       late ? ", the rival before it" : "");
}

static void duel_in(struct arena *a, struct duel *d, size_t pages)
{
	a->r = region_make(pages);
	a->stolen = pages / 4;
	a->end = pages - pages / 4;
	if (!a->mode)
		a->mode = MODE_MINOR;
	for (size_t page = 0; page < pages; page++)
		stamp(&a->r, page, 1);
	d->arg = a;
	d->rounds = ROUNDS;
	if (!d->act)
		d->act = continue_all;
	duel_run(d);
	diag("all %u, none %u, a part %u; ours %u us, the rival's %u us", a->won, a->lost,
	     a->partly, (unsigned int)(d->ours / 1000), (unsigned int)(d->theirs / 1000));
}

static size_t some_pages(void)
{
	return memory_is_hugetlb() ? 8 : 32;
}

/* ---- munmap(2) --------------------------------------------------------------------- */

static void unmap(struct duel *d)
{
	struct arena *a = arena_of(d);

	SETUP(!munmap(a->r.u, a->r.len), "munmap");
}

static void judge_unmap(struct duel *d)
{
	expect_whole_or(d, ENOENT, -ENOENT, 0);
}

CASE(munmap_meets_continue,
     DESC("CONTINUE against munmap of its range: 0, ENOENT or EAGAIN, and no page stays counted")
     ROWS("CCY-05")
     MEMORY("shmem-shared hugetlb-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     RACE)
{
	static struct arena a;
	struct duel d = { .prepare = renew, .rival = unmap, .judge = judge_unmap };

	duel_in(&a, &d, some_pages());
	for (size_t page = 0; page < a.r.pages; page++)
		EXPECT_EQ(page_mapcount(a.r.a + page * a.r.page), 1,
			  "kpagecount of page %zu, which A alone maps", page);
}

/* ---- the pages go, the mapping stays ----------------------------------------------- */

static void punch(struct duel *d)
{
	struct arena *a = arena_of(d);
	size_t page = a->r.page;

	SETUP(!fallocate(a->r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a->stolen * page,
			 (a->end - a->stolen) * page), "fallocate(PUNCH_HOLE)");
}

static void truncate_and_grow(struct duel *d)
{
	struct arena *a = arena_of(d);

	SETUP(!ftruncate(a->r.fd, a->stolen * a->r.page), "ftruncate");
	SETUP(!ftruncate(a->r.fd, a->r.len), "ftruncate to the old length");
}

/* What U has mapped now is what the file holds: nothing that was taken away stays. */
static void judge_stolen(struct duel *d)
{
	struct arena *a = arena_of(d);
	const struct region *r = &a->r;

	expect_whole_or(d, 0, 0, a->stolen);
	for (size_t page = a->stolen; page < a->end; page++)
		stamp(r, page, d->round);
	for (size_t page = 0; page < r->pages; page++) {
		struct outcome got = uffd_continue(a->uffd, r->u + page * r->page, r->page, 0);

		EXPECT(!got.err || got.err == EEXIST, "round %u: UFFDIO_CONTINUE of page %zu "
		       "afterwards gave %s", d->round, page, errno_name(got.err));
	}
	EXPECT_EQ(mapped_pages(r), r->pages, "pages of U that are mapped, round %u", d->round);
	for (size_t page = 0; page < r->pages; page++)
		expect_stamp(r, page, page < a->stolen || page >= a->end ? 1 : d->round, d->round);
}

CASE(punch_meets_continue,
     DESC("CONTINUE against a hole punch: 0 or EAGAIN, and no page that was punched stays mapped")
     ROWS("CCY-10")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct arena a;
	struct duel d = { .prepare = renew, .rival = punch, .judge = judge_stolen };

	duel_in(&a, &d, some_pages());
}

/* All behind the new end goes, so all of that is stamped again. */
static void judge_truncated(struct duel *d)
{
	arena_of(d)->end = arena_of(d)->r.pages;
	judge_stolen(d);
}

CASE(truncate_meets_continue,
     DESC("CONTINUE against truncation: 0 or EAGAIN, and no page that was cut off stays mapped")
     ROWS("CCY-11")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct arena a;
	struct duel d = { .prepare = renew, .rival = truncate_and_grow, .judge = judge_truncated };

	duel_in(&a, &d, some_pages());
}

/* ---- the registration goes --------------------------------------------------------- */

static void unregister(struct duel *d)
{
	struct arena *a = arena_of(d);

	a->rivals = uffd_unregister(a->uffd, a->r.u, a->r.len);
}

static void close_it(struct duel *d)
{
	struct arena *a = arena_of(d);

	a->rivals = (struct outcome){ close(a->uffd) ? errno : 0, 0, NULL };
}

/* All pages or none, and whoever waited goes on. */
static void expect_released(struct duel *d)
{
	struct arena *a = arena_of(d);
	const struct region *r = &a->r;

	EXPECT_OK(a->rivals, 0, "what the rival did in round %u", d->round);
	if (!a->waits)
		EXPECT_EQ(mapped_pages(r), a->got.err ? 0 : r->pages,
			  "pages of U that are mapped after CONTINUE gave %s, round %u",
			  errno_name(a->got.err), d->round);
	else
		EXPECT_SEEN(&a->waiter, r, 0, 1);
}

static void judge_unregister(struct duel *d)
{
	expect_whole_or(d, ENOENT, -ENOENT, 0);
	expect_released(d);
}

static void judge_close(struct duel *d)
{
	expect_whole_or(d, EBADF, UNTOUCHED, 0);
	expect_released(d);
}

CASE(unregister_meets_continue,
     DESC("CONTINUE against UNREGISTER: 0 with all pages or ENOENT with none; waiters go on")
     ROWS("CCY-12")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct arena a = { .mode = MODE_MINOR | MODE_MISSING };
	struct duel d = {
		.prepare = renew_with_waiter, .rival = unregister, .judge = judge_unregister,
	};

	duel_in(&a, &d, some_pages());
}

CASE(close_meets_continue,
     DESC("CONTINUE against close of the uffd: 0 with all pages or EBADF with none; waiters go on")
     ROWS("CCY-13")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct arena a;
	struct duel d = {
		.prepare = renew_with_waiter, .rival = close_it, .judge = judge_close,
	};

	duel_in(&a, &d, some_pages());
}

/* ---- another CONTINUE -------------------------------------------------------------- */

static void continue_first(struct duel *d)
{
	struct arena *a = arena_of(d);

	a->got = uffd_continue(a->uffd, a->r.u, a->end * a->r.page, 0);
}

static void continue_last(struct duel *d)
{
	struct arena *a = arena_of(d);
	const struct region *r = &a->r;

	a->rivals = uffd_continue(a->uffd, r->u + a->stolen * r->page,
				  (r->pages - a->stolen) * r->page, 0);
}

/* Bytes that a CONTINUE of @len mapped. */
static size_t mapped_by(struct outcome got, size_t len, const char *whose, unsigned int round)
{
	if (!got.err) {
		EXPECT_OK(got, (int64_t)len, "%s UFFDIO_CONTINUE, round %u", whose, round);
		return len;
	}
	if (got.err == EAGAIN) {
		EXPECT(got.out > 0 && got.out < (int64_t)len, "round %u: %s UFFDIO_CONTINUE gave "
		       "EAGAIN with mapped=%lld, of %zu", round, whose, (long long)got.out, len);
		return got.out;
	}
	EXPECT_ERR(got, EEXIST, "%s UFFDIO_CONTINUE, round %u", whose, round);
	return 0;
}

static void judge_both(struct duel *d)
{
	struct arena *a = arena_of(d);
	const struct region *r = &a->r;
	size_t ours = mapped_by(a->got, a->end * r->page, "our", d->round);
	size_t theirs = mapped_by(a->rivals, (r->pages - a->stolen) * r->page, "the rival's",
				  d->round);

	a->won += ours == a->end * r->page;
	a->lost += !ours || !theirs;
	a->partly += a->got.err == EAGAIN && ours;
	EXPECT_EQ(ours + theirs, mapped_pages(r) * r->page,
		  "bytes that two CONTINUEs say they mapped (%zu and %zu), round %u", ours, theirs,
		  d->round);
}

CASE(continue_meets_continue,
     DESC("CONTINUEs of ranges that overlap: each page is mapped, and counted, by one of them")
     ROWS("CCY-14")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct arena a;
	struct duel d = {
		.prepare = renew, .act = continue_first, .rival = continue_last,
		.judge = judge_both,
	};

	duel_in(&a, &d, some_pages());
}
