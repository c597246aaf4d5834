// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER on memory of every origin: what MODE_MINOR takes and what it refuses. */
#include <sys/shm.h>

#include "lib/memory.h"

#ifndef F_SEAL_FUTURE_WRITE		/* 5.1 */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* Each mode with MINOR in it is refused and leaves no trace. */
static void expect_minor_refused(int uffd, const struct region *r, const char *what)
{
	static const uint64_t modes[] = {
		MODE_MINOR, MODE_MINOR | MODE_MISSING, MODE_MINOR | MODE_WP,
		MODE_MINOR | MODE_MISSING | MODE_WP,
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_REFUSED(uffd_register(uffd, r->u, r->len, modes[i]), EINVAL,
			       "UFFDIO_REGISTER of %s with mode 0x%llx", what,
			       (unsigned long long)modes[i]);
		EXPECT_REFUSED(uffd_register(uffd, r->u + r->page, r->page, modes[i]), EINVAL,
			       "UFFDIO_REGISTER of one page of %s with mode 0x%llx", what,
			       (unsigned long long)modes[i]);
	}
	EXPECT_FLAGS(r->u, "", "refusals on %s", what);
	EXPECT_FLAGS(r->u + r->page, "", "refusals on %s", what);
}

static void expect_minor_taken(struct region r, const char *what)
{
	int uffd = uffd_open(0);

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of %s with MODE_MINOR", what);
	EXPECT_FLAGS(r.u, "ui", "UFFDIO_REGISTER of %s", what);
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR | MODE_MISSING), 0,
		     "UFFDIO_REGISTER of %s with MODE_MINOR | MODE_MISSING", what);
	EXPECT_FLAGS(r.u, "ui um", "UFFDIO_REGISTER of %s in both modes", what);
	EXPECT_MISSING_WORKS(uffd, &r, 1);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
}

CASE(tmpfs_registers,
     DESC("MODE_MINOR registers a file of a tmpfs, mapped shared or private, and works")
     ROWS("REG-01")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_TMPFS CONFIG_PROC_PAGE_MONITOR"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;

	expect_minor_taken(region_tmpfs(how, 3), "a file of a tmpfs");
}

CASE(nameless_shmem_registers,
     DESC("MODE_MINOR registers anonymous shared memory and a shared mapping of /dev/zero")
     ROWS("REG-01")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	expect_minor_taken(region_anon_shared(3), "anonymous shared memory");
	expect_minor_taken(region_dev_zero(MAP_SHARED, 3), "/dev/zero mapped shared");
}

CASE(private_dev_zero_refused,
     DESC("MODE_MINOR on a private mapping of /dev/zero: EINVAL, nothing registered")
     ROWS("REG-04")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_dev_zero(MAP_PRIVATE, 2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r, "a private mapping of /dev/zero");
	/* The positive control: it is the mode that was refused, not the memory. */
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER of it with MODE_MISSING");
	EXPECT_FLAGS(r.u, "um", "UFFDIO_REGISTER with MODE_MISSING");
}

CASE(secret_memory_refused,
     DESC("MODE_MINOR on memory of memfd_secret(2): EINVAL, nothing registered")
     ROWS("REG-05")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_secret(2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r, "secret memory");
	r.u[r.page] = 7;	/* still memory like any other */
	EXPECT_EQ(r.u[r.page], 7, "byte written to secret memory after refusals");
	EXPECT_NO_MSG(uffd, "write to secret memory");
}

CASE(droppable_refused,
     DESC("MODE_MINOR on a MAP_DROPPABLE mapping: EINVAL, nothing registered")
     ROWS("REG-06")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_droppable(2);

	expect_minor_refused(uffd_open(0), &r, "droppable memory");
}

CASE(droppable_missing,
     DESC("MODE_MISSING on a MAP_DROPPABLE mapping: EINVAL; 6.12 takes it")
     ROWS("REG-07")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-07");
	struct region r = region_droppable(2);
	int uffd = uffd_open(0);

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.page, MODE_MISSING), want,
		     "UFFDIO_REGISTER of one page of droppable memory");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), want,
		     "UFFDIO_REGISTER of droppable memory");
	EXPECT_FLAGS(r.u + r.page, want ? "" : "um", "UFFDIO_REGISTER of droppable memory");
}

CASE(sysv_refused,
     DESC("MODE_MINOR on a System V segment without SHM_HUGETLB: EINVAL, nothing registered")
     ROWS("REG-08")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_sysv(0, 2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r, "System V memory");
	EXPECT_NO_FAULT(uffd, &r, 1);
}

CASE(sysv_hugetlb,
     DESC("a System V segment with SHM_HUGETLB registers, and faults on it are resolved")
     ROWS("REG-09")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-09");
	struct region r = region_sysv(SHM_HUGETLB, 3);
	int uffd = uffd_open(0);

	if (want) {		/* the finding: all of it is refused, and nothing is left */
		expect_minor_refused(uffd, &r, "System V huge pages");
		EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_MISSING), want,
			       "UFFDIO_REGISTER of System V huge pages with MODE_MISSING");
		EXPECT_FLAGS(r.u, "", "UFFDIO_REGISTER of System V huge pages");
		EXPECT_NO_FAULT(uffd, &r, 1);
		return;
	}
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER of System V huge pages with MODE_MISSING");
	EXPECT_FLAGS(r.u, "um", "UFFDIO_REGISTER with MODE_MISSING");
	EXPECT_MISSING_WORKS(uffd, &r, 0);
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	expect_minor_taken(region_sysv(SHM_HUGETLB, 3), "System V huge pages");
}

static void expect_aligned(const char *at, const char *what)
{
	SETUP(at != MAP_FAILED, "%s", what);
	EXPECT((uintptr_t)at % run.page_size == 0, "%s: at %p, which is no huge page's begin", what,
	       (const void *)at);
}

CASE(hugetlb_is_aligned,
     DESC("huge pages that the kernel finds a place for begin where a huge page does, and register")
     ROWS("REG-43"))
{
	static const int hows[] = { MAP_SHARED, MAP_PRIVATE };
	const int size = __builtin_ctzl(run.page_size);
	int uffd = uffd_open(0), id;

	for (size_t i = 0; i < ARRAY_SIZE(hows); i++) {
		char *at = mmap(NULL, run.page_size, PROT_READ | PROT_WRITE,
				hows[i] | MAP_ANONYMOUS | MAP_HUGETLB | size << MAP_HUGE_SHIFT, -1, 0);

		expect_aligned(at, hows[i] == MAP_SHARED ? "mmap, shared" : "mmap, private");
		EXPECT_ERRNO(uffd_register(uffd, at, run.page_size, MODE_MISSING), 0,
			     "UFFDIO_REGISTER");
	}
	id = shmget(IPC_PRIVATE, run.page_size, IPC_CREAT | 0600 | SHM_HUGETLB |
		    size << MAP_HUGE_SHIFT);
	SETUP(id >= 0, "shmget");
	expect_aligned(shmat(id, NULL, 0), "shmat");
	SETUP(!shmctl(id, IPC_RMID, NULL), "shmctl(IPC_RMID)");
}

/* ---- files that may not be written ------------------------------------------------- */

static void expect_not_permitted(char *at, size_t len, const char *what)
{
	static const uint64_t modes[] = { MODE_MINOR, MODE_MISSING, MODE_MINOR | MODE_MISSING };
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		EXPECT_REFUSED(uffd_register(uffd, at, len, modes[i]), EPERM,
			       "UFFDIO_REGISTER of %s with mode 0x%llx", what,
			       (unsigned long long)modes[i]);
	EXPECT_FLAGS(at, "", "refusals on %s", what);
}

static struct region readonly_file(const struct region *r)
{
	struct region file = *r;

	file.fd = reopen(r, O_RDONLY);
	return file;
}

CASE(readonly_file_shared_refused,
     DESC("a shared mapping of a file opened read-only: EPERM in each mode; a private one: 0")
     ROWS("REG-29")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2), file = readonly_file(&r);
	char *at = room_make(2 * r.len, r.page);
	struct region shared = map_at(&file, at, 0, 2, PROT_READ, MAP_SHARED), private;
	int uffd = uffd_open(0);

	expect_not_permitted(shared.u, shared.len, "a shared mapping of a read-only file");
	EXPECT_NO_FAULT(uffd, &shared, 0);

	private = map_at(&file, at + r.len, 0, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	EXPECT_ERRNO(uffd_register(uffd, private.u, private.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of a private mapping of a read-only file");
	EXPECT_FLAGS(private.u, "ui", "UFFDIO_REGISTER of a private mapping");
	EXPECT_MINOR_WORKS(uffd, &private, 1);
	/* The whole range is looked at before anything of it is changed. */
	expect_not_permitted(at, 2 * r.len - r.page, "a range that begins with such a mapping");
}

CASE(sealed_file_refused,
     DESC("a shared mapping of a memfd sealed against future writes: EPERM in each mode")
     ROWS("REG-29")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	char *at = room_make(r.len, r.page);
	struct region shared;

	SETUP(!fcntl(r.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), "F_ADD_SEALS");
	shared = map_at(&r, at, 0, 2, PROT_READ, MAP_SHARED);
	expect_not_permitted(shared.u, shared.len, "a shared mapping of a sealed memfd");
	/* Mapped before the seal was set, it may still be written. */
	EXPECT_ERRNO(uffd_register(uffd_open(0), r.u, r.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of a mapping from before the seal");
}

CASE(protection_does_not_matter,
     DESC("PROT_NONE and PROT_READ shared mappings of a writable memfd register, and work")
     ROWS("REG-30")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	char *at = room_make(r.len, r.page);
	struct region none = map_at(&r, at, 0, 2, PROT_NONE, MAP_SHARED);
	struct region readable = map_at(&r, at + 2 * r.page, 2, 2, PROT_READ, MAP_SHARED);
	int uffd = uffd_open(0);

	EXPECT_ERRNO(uffd_register(uffd, none.u, none.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of a PROT_NONE mapping");
	EXPECT_ERRNO(uffd_register(uffd, readable.u, readable.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of a PROT_READ mapping");
	EXPECT_FLAGS(none.u, "ui", "UFFDIO_REGISTER of a PROT_NONE mapping");
	EXPECT_FLAGS(readable.u, "ui", "UFFDIO_REGISTER of a PROT_READ mapping");
	EXPECT_MINOR_WORKS(uffd, &readable, 0);
	EXPECT_MINOR_WORKS(uffd, &readable, 1);
	SETUP(!mprotect(none.u, none.len, PROT_READ), "mprotect");
	EXPECT_FLAGS(none.u, "ui", "mprotect from PROT_NONE to PROT_READ");
	EXPECT_MINOR_WORKS(uffd, &none, 1);
}

static void expect_seal(const struct region *r, int want, const char *when)
{
	int ret = fcntl(r->fd, F_ADD_SEALS, F_SEAL_WRITE);

	EXPECT_EQ(ret ? errno : 0, want, "errno of F_SEAL_WRITE of a memfd %s", when);
}

CASE(mapped_memfd_cannot_be_sealed,
     DESC("F_SEAL_WRITE of a memfd that is mapped shared, registered or not: EBUSY")
     ROWS("REG-31")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	int uffd;

	expect_seal(&r, EBUSY, "that is mapped shared");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	expect_seal(&r, EBUSY, "that is registered");
	SETUP(!mprotect(r.u, r.len, PROT_READ), "mprotect");
	unmap_at(r.a, r.len);
	expect_seal(&r, EBUSY, "whose only mapping is registered, and only readable");
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	expect_seal(&r, EBUSY, "that was registered and is mapped still");
	/* The positive control: it is the mapping that was in the way. */
	unmap_at(r.u, r.len);
	expect_seal(&r, 0, "that is mapped no more");
}
