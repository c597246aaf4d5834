// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is no parameter of a case, and layouts of several mappings. */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "memory.h"

#ifndef __NR_memfd_secret		/* 5.14; one number for all of these architectures */
#define __NR_memfd_secret 447
#endif
#ifndef MAP_DROPPABLE			/* 6.11 */
#define MAP_DROPPABLE 0x08
#endif
#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT 26
#endif

static struct region sized(size_t page, size_t pages, int fd)
{
	return (struct region){ .page = page, .pages = pages, .len = page * pages, .fd = fd };
}

static char *map(size_t len, int how, int fd, const char *what)
{
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, how, fd, 0);

	SETUP(at != MAP_FAILED, "mmap of %s", what);
	return at;
}

/* A second mapping of shared memory that has no file to open. */
static char *map_again(char *u, size_t len, const char *what)
{
	char *a = mremap(u, 0, len, MREMAP_MAYMOVE);

	SETUP(a != MAP_FAILED, "mremap of %s for a second mapping of it", what);
	return a;
}

struct region region_tmpfs(int how, size_t pages)
{
	/* images/init/boot.c mounts a tmpfs there. */
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct region r = sized(base_page(), pages, fd);

	SETUP(fd >= 0, "open of a temporary file in /dev/shm");
	SETUP(!ftruncate(fd, r.len), "ftruncate to %zu bytes", r.len);
	r.u = map(r.len, how, fd, "a file of a tmpfs");
	r.a = map(r.len, MAP_SHARED, fd, "a file of a tmpfs");
	return r;
}

struct region region_dev_zero(int how, size_t pages)
{
	struct region r = sized(base_page(), pages, open("/dev/zero", O_RDWR | O_CLOEXEC));

	SETUP(r.fd >= 0, "open /dev/zero");
	r.u = map(r.len, how, r.fd, "/dev/zero");
	if (how == MAP_SHARED)
		r.a = map_again(r.u, r.len, "/dev/zero");
	return r;
}

struct region region_anon_shared(size_t pages)
{
	struct region r = sized(base_page(), pages, -1);

	r.u = map(r.len, MAP_SHARED | MAP_ANONYMOUS, -1, "anonymous shared memory");
	r.a = map_again(r.u, r.len, "anonymous shared memory");
	return r;
}

/* Huge pages not where the kernel likes: arm's does not align them (docs/findings.md). */
static char *attach(int id, const struct region *r, bool huge)
{
	return shmat(id, huge ? room_make(r->len, r->page) : NULL, huge ? SHM_REMAP : 0);
}

struct region region_sysv(int flags, size_t pages)
{
	bool huge = flags & SHM_HUGETLB;
	struct region r = sized(huge ? run.page_size : base_page(), pages, -1);
	int id;

	if (huge)
		flags |= __builtin_ctzl(r.page) << SHM_HUGE_SHIFT;
	id = shmget(IPC_PRIVATE, r.len, IPC_CREAT | 0600 | flags);
	SETUP(id >= 0, "shmget of %zu bytes with flags 0x%x", r.len, flags);
	r.u = attach(id, &r, huge);
	r.a = attach(id, &r, huge);
	SETUP(r.u != (void *)-1 && r.a != (void *)-1, "shmat");
	/* It goes away with its last mapping. */
	SETUP(!shmctl(id, IPC_RMID, NULL), "shmctl(IPC_RMID)");
	return r;
}

struct region region_secret(size_t pages)
{
	int fd = syscall(__NR_memfd_secret, 0);
	struct region r = sized(base_page(), pages, fd);

	SETUP(fd >= 0, "memfd_secret");
	SETUP(!ftruncate(fd, r.len), "ftruncate of secret memory to %zu bytes", r.len);
	r.u = map(r.len, MAP_SHARED, fd, "secret memory");
	return r;
}

struct region region_droppable(size_t pages)
{
	struct region r = sized(base_page(), pages, -1);

	r.u = map(r.len, MAP_DROPPABLE | MAP_ANONYMOUS, -1, "droppable memory");
	return r;
}

/* ---- layouts ----------------------------------------------------------------------- */

char *room_make(size_t len, size_t align)
{
	char *at = mmap(NULL, len + align, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	SETUP(at != MAP_FAILED, "mmap of %zu bytes of address space", len + align);
	return (char *)(((uintptr_t)at + align - 1) & ~(uintptr_t)(align - 1));
}

struct region map_at(const struct region *r, char *at, size_t first, size_t pages, int prot,
		     int how)
{
	struct region part = sized(r->page, pages, r->fd);

	part.u = mmap(at, part.len, prot, how | MAP_FIXED, r->fd, first * r->page);
	SETUP(part.u == at, "mmap of %zu pages of %zu KiB at %p", pages, r->page / 1024,
	      (void *)at);
	part.a = r->a ? r->a + first * r->page : NULL;
	return part;
}

void unmap_at(char *at, size_t len)
{
	SETUP(!munmap(at, len), "munmap of %zu bytes at %p", len, (void *)at);
}

uint64_t last_mapping_end(void)
{
	unsigned long long start, end, last = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	SETUP(f, "open /proc/self/maps");
	/* x86's [vsyscall] is shown there and is no mapping of the process. */
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2 && !strstr(line, "[vsyscall]"))
			last = end;
	fclose(f);
	errno = 0;
	SETUP(last, "/proc/self/maps shows no mapping");
	return last;
}

int reopen(const struct region *r, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	fd = open(path, flags | O_CLOEXEC);
	SETUP(fd >= 0, "open %s with flags 0x%x", path, flags);
	return fd;
}
