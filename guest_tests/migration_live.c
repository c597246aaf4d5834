// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine moves while it runs.  On the source its threads keep writing, and rounds of
 * pre-copy send what they made dirty; it pauses, and goes on on the target at once: pages whose
 * last version is still at the source are fetched when a thread touches them, or by a background
 * pass, whichever comes first.
 *
 * The source's memory is a region of its own; the network is memcpy(3) into the target's A.
 */
#include "lib/asleep.h"
#include "lib/crew.h"

#define MAX_PAGES 48
#define SLOTS 16		/* words of a page that the machine writes */
#define ROUNDS 3		/* of pre-copy, behind the first that sends everything */
#define SOURCE_THREADS 2
#define TARGET_THREADS 4

struct page {
	pthread_mutex_t lock;
	atomic_uint version;	/* that the machine wrote last */
	unsigned int final;	/* that it had when it paused */
	atomic_bool dirty;	/* on the source: written since it was last sent */
	bool stale;		/* on the target: dirty at the pause, and not fetched since */
	bool resolved;
	atomic_bool tracked;	/* on the target: written, as WP has it */
};

struct machine {
	struct region source, r;
	size_t pages;
	bool wp;		/* dirty pages are known by write protection, else by the writer */
	int source_uffd, uffd;
	struct page page[MAX_PAGES];
	atomic_uint on_demand, in_background, late, wp_messages;
};

static struct machine m;

/* ---- what is in a page ------------------------------------------------------------- */

static uint32_t word_of(size_t page, size_t slot, unsigned int version)
{
	return version << 10 | page << 4 | slot;	/* of fewer than 64 pages */
}

static volatile uint32_t *word_at(const struct region *r, char *mapping, size_t page, size_t slot)
{
	return (uint32_t *)(mapping + page * r->page + slot * (r->page / SLOTS));
}

static void write_version(const struct region *r, size_t page, unsigned int version)
{
	for (size_t slot = 0; slot < SLOTS; slot++)
		*word_at(r, r->u, page, slot) = word_of(page, slot, version);
}

/*
 * What the machine wrote there is of versions from @first to @last, which are one unless somebody
 * is writing; and what it never wrote is as at first.
 */
static void expect_content(const struct region *r, char *mapping, size_t page,
			   unsigned int first, atomic_uint *last, const char *who)
{
	for (size_t slot = 0; slot < SLOTS; slot++) {
		uint32_t seen = *word_at(r, mapping, page, slot);
		size_t between = slot * (r->page / SLOTS) + r->page / SLOTS - 1;
		unsigned char byte = ((unsigned char *)mapping)[page * r->page + between];
		unsigned int upto = atomic_load(last);

		EXPECT(seen >= word_of(page, slot, first) && seen <= word_of(page, slot, upto) &&
		       seen % 1024 == word_of(page, slot, 0),
		       "%s, page %zu: word %zu is 0x%08x, expected version %u to %u of it, 0x%08x",
		       who, page, slot, seen, first, upto, word_of(page, slot, first));
		EXPECT(byte == pattern_byte(between, page, 1), "%s, page %zu: byte at 0x%zx is "
		       "0x%02x, which nobody wrote", who, page, between, byte);
	}
}

/* ---- the source -------------------------------------------------------------------- */

/* A third of the pages is never written; the others have one writer each. */
static bool is_written(size_t page)
{
	return page % 3;
}

static void write_on_source(struct member *member, size_t page)
{
	struct page *p = &m.page[page];

	if (!is_written(page) || page / 3 % SOURCE_THREADS != member->number)
		return;
	write_version(&m.source, page, atomic_fetch_add(&p->version, 1) + 1);
	if (!m.wp)
		atomic_store(&p->dirty, true);
}

/* The first write since the page was sent: it may go on, and the page is dirty. */
static void source_fault(void *arg, const struct uffd_msg *msg)
{
	size_t page = page_of(&m.source, msg);
	struct page *p = &m.page[page];

	(void)arg;
	EXPECT_EQ(msg->arg.pagefault.flags, FLAG_WP | FLAG_WRITE, "flags on the source, page %zu",
		  page);
	pthread_mutex_lock(&p->lock);
	EXPECT_OK(uffd_writeprotect(m.source_uffd, m.source.u + page * m.source.page,
				    m.source.page, 0), 0,
		  "UFFDIO_WRITEPROTECT that lets the writer go on, page %zu", page);
	atomic_store(&p->dirty, true);
	pthread_mutex_unlock(&p->lock);
}

static void copy_to_target(size_t page)
{
	/* Whoever saw the page clean before this has its words copied. */
	atomic_thread_fence(memory_order_seq_cst);
	memcpy(m.r.a + page * m.r.page, m.source.a + page * m.r.page, m.r.page);
}

/* What is written during the copy makes the page dirty again, and it is sent again. */
static void send_page(size_t page)
{
	struct page *p = &m.page[page];

	pthread_mutex_lock(&p->lock);
	atomic_store(&p->dirty, false);
	if (m.wp)
		EXPECT_OK(uffd_writeprotect(m.source_uffd, m.source.u + page * m.source.page,
					    m.source.page, UFFDIO_WRITEPROTECT_MODE_WP), 0,
			  "UFFDIO_WRITEPROTECT of page %zu", page);
	copy_to_target(page);
	pthread_mutex_unlock(&p->lock);
}

/* The machine runs on until so many more pages are dirty. */
static void await_dirty(size_t wanted)
{
	int64_t began = now_ms();
	size_t dirty = 0;

	while (dirty < wanted) {
		EXPECT(now_ms() < began + patience_ms(), "%zu pages became dirty, expected %zu", dirty,
		       wanted);
		sleep_ms(1);
		dirty = 0;
		for (size_t page = 0; page < m.pages; page++)
			dirty += atomic_load(&m.page[page].dirty);
	}
}

/* Run, with rounds of pre-copy, and pause. */
static void run_source(void)
{
	static struct crew writers = {
		.r = &m.source, .n = SOURCE_THREADS, .visit = write_on_source,
	};
	size_t sent = 0, stale = 0;
	struct manager tracker;

	if (m.wp) {
		m.source_uffd = uffd_on(&m.source, 0, MODE_WP);
		manager_start(&tracker, m.source_uffd, source_fault, NULL);
	}
	crew_start(&writers);
	for (size_t page = 0; page < m.pages; page++)
		send_page(page);
	for (size_t round = 0; round < ROUNDS; round++) {
		await_dirty(m.pages / 4);
		for (size_t page = 0; page < m.pages; page++)
			if (atomic_load(&m.page[page].dirty)) {
				send_page(page);
				sent++;
			}
	}
	await_dirty(m.pages / 4);
	crew_stop(&writers);
	EXPECT_CREW_ENDS(&writers, "the machine's threads on the source, at the pause");
	if (m.wp)
		manager_stop(&tracker);
	for (size_t page = 0; page < m.pages; page++) {
		struct page *p = &m.page[page];

		p->final = atomic_load(&p->version);
		p->stale = atomic_load(&p->dirty);
		stale += p->stale;
		EXPECT(!p->stale || is_written(page), "page %zu is dirty, though nobody wrote to it",
		       page);
		expect_content(&m.source, m.source.u, page, p->final, &p->version, "source");
		if (!p->stale)
			expect_content(&m.r, m.r.a, page, p->final, &p->version,
				       "page that is not dirty, as it was sent");
	}
	diag("%zu pages, %zu sent again in %d rounds, %zu stale at the pause", m.pages, sent,
	     ROUNDS, stale);
}

/* ---- the target -------------------------------------------------------------------- */

/* Fetch the page if it is stale, then let the machine have it.  Once for each page. */
static void resolve(size_t page, atomic_uint *count)
{
	char *at = m.r.u + page * m.r.page;
	struct page *p = &m.page[page];
	struct outcome got;

	pthread_mutex_lock(&p->lock);
	if (p->stale)
		copy_to_target(page);
	p->stale = false;
	got = uffd_continue(m.uffd, at, m.r.page, m.wp ? UFFDIO_CONTINUE_MODE_WP : 0);
	if (p->resolved) {
		/* The other way was first: the thread has been released already. */
		EXPECT_ERR(got, EEXIST, "UFFDIO_CONTINUE of page %zu, resolved before", page);
		atomic_fetch_add(&m.late, 1);
	} else {
		EXPECT_OK(got, (int64_t)m.r.page, "UFFDIO_CONTINUE of page %zu", page);
		atomic_fetch_add(count, 1);
		p->resolved = true;
	}
	pthread_mutex_unlock(&p->lock);
}

static void target_fault(void *arg, const struct uffd_msg *msg)
{
	size_t page = page_of(&m.r, msg);

	(void)arg;
	if (m.wp && msg->arg.pagefault.flags == (FLAG_WP | FLAG_WRITE)) {
		atomic_store(&m.page[page].tracked, true);
		atomic_fetch_add(&m.wp_messages, 1);
		EXPECT_OK(uffd_writeprotect(m.uffd, m.r.u + page * m.r.page, m.r.page, 0), 0,
			  "UFFDIO_WRITEPROTECT that lets the writer go on, page %zu", page);
		return;
	}
	EXPECT_EQ(msg->arg.pagefault.flags & ~(uint64_t)FLAG_WRITE, FLAG_MINOR,
		  "flags but WRITE on the target, whose page %zu is present", page);
	resolve(page, &m.on_demand);
}

static void *background(void *arg)
{
	for (size_t page = 0; page < m.pages; page++) {
		bool resolved;

		pthread_mutex_lock(&m.page[page].lock);
		resolved = m.page[page].resolved;
		pthread_mutex_unlock(&m.page[page].lock);
		if (!resolved)
			resolve(page, &m.in_background);
		sleep_ms(1);
	}
	return arg;
}

/* A virtual CPU goes on: each page is what it was at the pause, or newer; some it writes. */
static void run_on_target(struct member *member, size_t page)
{
	struct page *p = &m.page[page];

	expect_content(&m.r, m.r.u, page, p->final, &p->version, "target");
	if (page % 2 && page / 2 % TARGET_THREADS == member->number)
		write_version(&m.r, page, atomic_fetch_add(&p->version, 1) + 1);
}

static void run_target(void)
{
	static struct crew cpus = {
		.r = &m.r, .n = TARGET_THREADS, .visit = run_on_target, .walks = 2,
	};
	struct manager manager;
	pthread_t pass;
	void *args[1] = { NULL };

	manager_start(&manager, m.uffd, target_fault, NULL);
	crew_start(&cpus);
	run_threads(&pass, 1, background, args);
	EXPECT_CREW_ENDS(&cpus, "the machine's threads on the target");
	JOIN_THREADS(&pass, 1, "background pass");
	manager_stop(&manager);
	diag("resolved: %u on demand, %u in the background; %u of %u messages too late", m.on_demand,
	     m.in_background, m.late, manager.messages);
	EXPECT_EQ(m.on_demand + m.in_background, m.pages, "pages resolved");
	EXPECT_EQ(manager.messages, m.on_demand + m.late + m.wp_messages, "messages");
	EXPECT(m.on_demand + m.late <= TARGET_THREADS * m.pages,
	       "%u minor faults of %d threads on %zu pages: more than one for a thread and page",
	       m.on_demand + m.late, TARGET_THREADS, m.pages);
	EXPECT_EQ(fdinfo_number(m.uffd, "pending"), 0, "pending in fdinfo at the end");
	EXPECT_EQ(fdinfo_number(m.uffd, "total"), 0, "total in fdinfo at the end");
}

/* ---- from end to end --------------------------------------------------------------- */

static void migrate(uint64_t mode)
{
	m.pages = memory_is_hugetlb() ? 8 : MAX_PAGES;
	m.source = region_make(m.pages);
	m.r = region_make(m.pages);
	for (size_t page = 0; page < m.pages; page++) {
		pthread_mutex_init(&m.page[page].lock, NULL);
		fill_a(&m.source, page, 1);
		atomic_store(&m.page[page].version, 1);
		write_version(&m.source, page, 1);
	}
	m.uffd = uffd_on(&m.r, 0, mode);
	run_source();
	EXPECT_NO_MSG(m.uffd, "pre-copy");
	EXPECT_EQ(pages_mapped(m.r.u, m.r.page, m.pages), 0, "pages of U mapped by the pre-copy");
	run_target();
	EXPECT_EQ(pages_mapped(m.r.u, m.r.page, m.pages), m.pages, "pages of U that are mapped");
	for (size_t page = 0; page < m.pages; page++) {
		struct page *p = &m.page[page];
		unsigned int last = atomic_load(&p->version);

		expect_content(&m.r, m.r.u, page, last, &p->version, "U at the end");
		expect_content(&m.r, m.r.a, page, last, &p->version, "A at the end");
		EXPECT_EQ(page_mapcount(m.r.a + page * m.r.page), 2,
			  "kpagecount of page %zu, mapped by U and A", page);
	}
}

CASE(live_migration,
     DESC("live migration of a machine that writes on: no stale, torn or twice resolved page")
     ROWS("E2E-03 E2E-04 E2E-05 E2E-06 E2E-07 E2E-08")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     RACE TIMEOUT(20))
{
	migrate(MODE_MISSING | MODE_MINOR);
}

CASE(live_migration_tracked,
     DESC("the same with write protection: both sides know just the pages that were written")
     ROWS("E2E-10")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     RACE TIMEOUT(20))
{
	m.wp = true;
	migrate(MODE_MISSING | MODE_MINOR | MODE_WP);
	for (size_t page = 0; page < m.pages; page++) {
		struct page *p = &m.page[page];

		EXPECT(atomic_load(&p->tracked) == (atomic_load(&p->version) > p->final),
		       "page %zu was %swritten on the target, and WP has %s", page,
		       atomic_load(&p->version) > p->final ? "" : "not ",
		       atomic_load(&p->tracked) ? "reported it" : "no word of it");
	}
	diag("%u writes were reported on the target", m.wp_messages);
}
