// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own memory, through /proc/kcore.  That is an ELF core file of the kernel's word
 * size, which need not be this program's, and its offsets have 64 bits in any case.
 */
#include <elf.h>

#include "kernel_memory.h"

#define MAX_SEGMENTS 64
#define CHUNK (64 * 1024)

struct segment {
	uint64_t address, physical, size, offset;
};

static struct segment segments[MAX_SEGMENTS];
static size_t n_segments;
static int kcore = -1;

static void read_at(uint64_t offset, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread64(kcore, (char *)buf + done, len - done, offset + done);

		SETUP(n > 0, "read of /proc/kcore at 0x%llx", (unsigned long long)offset + done);
		done += n;
	}
}

/* The headers of both word sizes have the same names, and the same meaning. */
#define READ_SEGMENTS(Ehdr, Phdr)							\
	do {										\
		Phdr header[MAX_SEGMENTS];						\
		Ehdr elf;								\
											\
		read_at(0, &elf, sizeof(elf));						\
		errno = 0;								\
		SETUP(elf.e_phnum <= MAX_SEGMENTS, "/proc/kcore has %u segments", elf.e_phnum); \
		read_at(elf.e_phoff, header, elf.e_phnum * sizeof(*header));		\
		for (size_t i = 0; i < elf.e_phnum; i++)				\
			if (header[i].p_type == PT_LOAD)				\
				segments[n_segments++] = (struct segment){		\
					header[i].p_vaddr, header[i].p_paddr,		\
					header[i].p_filesz, header[i].p_offset,		\
				};							\
	} while (0)

static void open_kcore(void)
{
	unsigned char ident[EI_NIDENT];

	if (kcore >= 0)
		return;
	kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	SETUP(kcore >= 0, "open /proc/kcore");
	read_at(0, ident, sizeof(ident));
	errno = 0;
	SETUP(!memcmp(ident, ELFMAG, SELFMAG), "/proc/kcore is no ELF file");
	if (ident[EI_CLASS] == ELFCLASS64)
		READ_SEGMENTS(Elf64_Ehdr, Elf64_Phdr);
	else
		READ_SEGMENTS(Elf32_Ehdr, Elf32_Phdr);
}

void kernel_read(uint64_t from, void *buf, size_t len)
{
	open_kcore();
	for (size_t i = 0; i < n_segments; i++) {
		const struct segment *s = &segments[i];

		if (from >= s->address && from - s->address + len <= s->size) {
			read_at(s->offset + (from - s->address), buf, len);
			return;
		}
	}
	BAIL("/proc/kcore has no segment with 0x%llx", (unsigned long long)from);
}

uint64_t kernel_symbol(const char *name)
{
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	char wanted[80], *buf = malloc(CHUNK);
	size_t kept = 0;
	uint64_t address = 0;
	ssize_t n;

	SETUP(fd >= 0, "open /proc/kallsyms");
	SETUP(buf, "malloc of %d bytes", CHUNK);
	/* "ffffffff81234567 D name\n"; a module's have a tab behind the name. */
	snprintf(wanted, sizeof(wanted), " %s\n", name);
	while (!address && (n = read(fd, buf + kept, CHUNK - kept)) > 0) {
		char *end = memrchr(buf, '\n', kept + n), *hit, *line;

		if (!end) {
			kept += n;
			continue;
		}
		end++;
		hit = memmem(buf, end - buf, wanted, strlen(wanted));
		if (hit) {
			line = memrchr(buf, '\n', hit - buf);
			address = strtoull(line ? line + 1 : buf, NULL, 16);
			errno = 0;
			SETUP(address, "/proc/kallsyms hides addresses: run as root");
		}
		kept = buf + kept + n - end;
		memmove(buf, end, kept);
	}
	free(buf);
	close(fd);
	return address;
}

/* Look through physical memory from @from up to @end, of which /proc/kcore has the RAM. */
static void search(uint64_t from, uint64_t end, const char *const *texts, bool *found, size_t n)
{
	const size_t overlap = 64;	/* more than any text has */
	char *buf = malloc(CHUNK);

	SETUP(buf, "malloc of %d bytes", CHUNK);
	for (size_t i = 0; i < n_segments; i++) {
		const struct segment *s = &segments[i];
		uint64_t at = from;

		if (s->physical == UINT64_MAX || from < s->physical ||
		    end > s->physical + s->size)
			continue;
		while (at < end) {
			size_t len = end - at < CHUNK ? end - at : CHUNK;

			read_at(s->offset + (at - s->physical), buf, len);
			for (size_t text = 0; text < n; text++)
				found[text] = found[text] ||
					      memmem(buf, len, texts[text],
						     strlen(texts[text]) + 1);
			at += len < CHUNK ? len : len - overlap;
		}
		free(buf);
		return;
	}
	BAIL("/proc/kcore has no segment with the physical address 0x%llx",
	     (unsigned long long)from);
}

/* Search each range that /proc/iomem calls @what; how many there are. */
static unsigned int search_ranges(const char *what, const char *const *texts, bool *found,
				  size_t n)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned int ranges = 0;
	char line[160];

	SETUP(f, "open /proc/iomem");
	while (fgets(line, sizeof(line), f)) {
		unsigned long long from, last;

		if (sscanf(line, " %llx-%llx :", &from, &last) != 2 || !strstr(line, what))
			continue;
		errno = 0;
		SETUP(last, "/proc/iomem hides addresses: run as root");
		search(from, last + 1, texts, found, n);
		ranges++;
	}
	fclose(f);
	return ranges;
}

void kernel_image_search(const char *const *texts, bool *found, size_t n)
{
	open_kcore();
	memset(found, 0, n * sizeof(*found));
	/* Constants are a range of their own on x86 (since 5.8), elsewhere a part of the code. */
	if (search_ranges(": Kernel rodata", texts, found, n) ||
	    search_ranges(": Kernel code", texts, found, n))
		return;
	errno = 0;
	BAIL("/proc/iomem has no 'Kernel code'");
}
