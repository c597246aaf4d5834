// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of the flag: what the commit added to include/trace/events/mmflags.h.  Nothing that
 * user space can call prints it, so it is read from the kernel's memory.
 */
#include "lib/kernel_memory.h"

#define MAX_FLAGS 64

/* struct trace_print_flags of a 64-bit kernel. */
struct named_flag {
	uint64_t mask;
	uint64_t name;
};

struct flag_table {
	size_t n;
	uint64_t mask[MAX_FLAGS];
	char name[MAX_FLAGS][32];
};

static void read_table(struct flag_table *table)
{
	uint64_t at = kernel_symbol("vmaflag_names");
	struct named_flag entry[MAX_FLAGS + 1];

	EXPECT(at, "kallsyms, which has data symbols here, lacks vmaflag_names");
	kernel_read(at, entry, sizeof(entry));
	for (table->n = 0; entry[table->n].name; table->n++) {
		EXPECT(table->n < MAX_FLAGS, "vmaflag_names has no end within %d entries",
		       MAX_FLAGS);
		table->mask[table->n] = entry[table->n].mask;
		kernel_read(entry[table->n].name, table->name[table->n],
			    sizeof(table->name[0]));
		EXPECT(memchr(table->name[table->n], 0, sizeof(table->name[0])),
		       "entry %zu of vmaflag_names has no name", table->n);
	}
	EXPECT(!entry[table->n].mask, "the last entry of vmaflag_names has no name, but mask 0x%llx",
	       (unsigned long long)entry[table->n].mask);
	diag("vmaflag_names has %zu entries", table->n);
}

/* The mask of the one entry called @name. */
static uint64_t mask_of(const struct flag_table *table, const char *name)
{
	uint64_t mask = 0;
	size_t found = 0;

	for (size_t i = 0; i < table->n; i++)
		if (!strcmp(table->name[i], name)) {
			mask = table->mask[i];
			found++;
		}
	EXPECT_EQ(found, 1, "entries of vmaflag_names that are called %s", name);
	return mask;
}

CASE(table_of_names,
     DESC("the kernel's table of VM flags' names has uffd_minor, with a bit that is its own")
     ROWS("OBS-05 OBS-08"))
{
	static struct flag_table table;
	uint64_t minor;

	read_table(&table);
	minor = mask_of(&table, "uffd_minor");
	EXPECT_EQ(__builtin_popcountll(minor), 1, "bits in the mask of uffd_minor, 0x%llx",
		  (unsigned long long)minor);
	EXPECT_EQ(mask_of(&table, "uffd_missing"), 1 << 9, "mask of uffd_missing");
	EXPECT_EQ(mask_of(&table, "uffd_wp"), 1 << 12, "mask of uffd_wp");
	for (size_t i = 0; i < table.n; i++)
		EXPECT(!(table.mask[i] & minor) || !strcmp(table.name[i], "uffd_minor"),
		       "%s has mask 0x%llx, in which uffd_minor's bit is", table.name[i],
		       (unsigned long long)table.mask[i]);
}

CASE(bit_of_the_flag,
     DESC("in the table of names uffd_minor has the bit of VM_UFFD_MINOR in this version")
     ROWS("OBS-09"))
{
	static struct flag_table table;

	read_table(&table);
	EXPECT_EQ(mask_of(&table, "uffd_minor"), 1ULL << expected_number("OBS-09"),
		  "mask of uffd_minor");
}

/* The search itself is beyond doubt once it finds what every kernel has. */
static void expect_in_image(bool minor)
{
	static const char *const texts[] = { "uffd_minor", "uffd_missing", "hugetlb" };
	bool found[ARRAY_SIZE(texts)];

	kernel_image_search(texts, found, ARRAY_SIZE(texts));
	errno = 0;
	SETUP(found[2], "the kernel's constants, as /proc/kcore has them, lack '%s'", texts[2]);
	EXPECT(found[1], "the kernel lacks the name uffd_missing");
	EXPECT(found[0] == minor, "the kernel %s the name uffd_minor",
	       minor ? "lacks" : "has");
}

CASE(name_in_image,
     DESC("the name uffd_minor is in the kernel, on 32-bit ones it is not; uffd_missing always is")
     ROWS("OBS-06"))
{
	const char *want = expected("OBS-06");

	SETUP(!strcmp(want, "present") || !strcmp(want, "absent"), "--expect OBS-06=%s", want);
	expect_in_image(!strcmp(want, "present"));
}

CASE(name_compiled_out,
     DESC("32-bit kernel: the name uffd_minor is not in it, uffd_missing is")
     ROWS("B32-08"))
{
	expect_in_image(false);
}
