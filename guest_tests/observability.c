// SPDX-License-Identifier: GPL-2.0-only
/* What /proc shows of a uffd, and tracefs of its flags. */
#include <dirent.h>
#include <sys/stat.h>

#include "lib/asleep.h"

#define INITIALIZED (1ULL << 31)		/* of the features, once there was a handshake */

struct shown {
	unsigned long pending, total;
	unsigned long long api, features, ioctls;
};

/* The lines of fdinfo that are userfaultfd's own: the last ones, in this order and form. */
static struct shown fdinfo(int uffd)
{
	char path[64], text[1024], again[256], *own;
	struct shown s;
	ssize_t n;
	int fd, got;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", uffd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", path);
	n = read(fd, text, sizeof(text) - 1);
	SETUP(n > 0, "read %s", path);
	close(fd);
	text[n] = 0;
	own = strstr(text, "\npending:");
	EXPECT(own, "%s has no line 'pending'", path);
	got = sscanf(own + 1, "pending:\t%lu\ntotal:\t%lu\nAPI:\t%llx:%llx:%llx\n", &s.pending,
		     &s.total, &s.api, &s.features, &s.ioctls);
	EXPECT_EQ(got, 5, "numbers in fdinfo's lines pending, total and API, which are\n%s", own);
	snprintf(again, sizeof(again), "pending:\t%lu\ntotal:\t%lu\nAPI:\t%llx:%llx:%llx\n",
		 s.pending, s.total, s.api, s.features, s.ioctls);
	EXPECT(!strcmp(own + 1, again), "fdinfo ends differently than\n%s\nit is\n%s", again, own);
	return s;
}

CASE(fdinfo_lines,
     DESC("fdinfo has pending, total, and API with its number, this uffd's features and bit 31")
     ROWS("OBS-02"))
{
	/* Such as every kernel and architecture has; each uffd shows its own. */
	static const uint64_t asked[] = {
		0, UFFD_FEATURE_THREAD_ID, UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP,
		UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MISSING_SHMEM,
	};
	int uffd[ARRAY_SIZE(asked)];

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		uffd[i] = uffd_open(asked[i]);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		struct shown s = fdinfo(uffd[i]);

		EXPECT_EQ(s.pending, 0, "pending without any fault");
		EXPECT_EQ(s.total, 0, "total without any fault");
		EXPECT_EQ(s.api, UFFD_API, "the API's number");
		EXPECT_EQ(s.features, INITIALIZED | asked[i],
			  "features of a uffd that asked for 0x%llx",
			  (unsigned long long)asked[i]);
	}
}

CASE(fdinfo_counts,
     DESC("fdinfo's pending counts the unread faults, total all that wait, of this uffd only")
     ROWS("OBS-02"))
{
	struct region r = region_make_of("shmem-shared", 2), other;
	struct toucher t[2];
	struct uffd_msg msg;
	struct shown s;
	int uffd, idle;
	char *page;

	other = region_make_of("shmem-shared", 1);
	uffd = uffd_on(&r, 0, MODE_MISSING);
	idle = uffd_on(&other, 0, MODE_MISSING);
	page = aligned_alloc(r.page, r.page);
	SETUP(page, "aligned_alloc");
	memset(page, 1, r.page);
	for (size_t i = 0; i < 2; i++)
		touch_start(&t[i], TOUCH_READ, r.u + i * r.page);
	for (size_t i = 0; i < 2; i++)
		EXPECT_ASLEEP(&t[i], "page %zu missing", i);
	s = fdinfo(uffd);
	EXPECT_EQ(s.pending, 2, "pending with two faults, both unread");
	EXPECT_EQ(s.total, 2, "total with two faults, both unread");
	EXPECT(uffd_read(uffd, &msg, patience_ms()), "no message of two threads that wait");
	s = fdinfo(uffd);
	EXPECT_EQ(s.pending, 1, "pending with two faults, one of them unread");
	EXPECT_EQ(s.total, 2, "total with two faults, one of them unread");
	s = fdinfo(idle);
	EXPECT_EQ(s.pending + s.total, 0, "pending and total of another uffd");
	EXPECT_ERRNO(uffd_copy(uffd, r.u, page, r.page), 0, "UFFDIO_COPY of page 0");
	EXPECT_ERRNO(uffd_copy(uffd, r.u + r.page, page, r.page), 0, "UFFDIO_COPY of page 1");
	for (size_t i = 0; i < 2; i++)
		EXPECT_FINISHED(&t[i], "UFFDIO_COPY of page %zu", i);
	s = fdinfo(uffd);
	EXPECT_EQ(s.pending + s.total, 0, "pending and total once both are resolved");
}

CASE(fdinfo_ioctls,
     DESC("the last value of fdinfo's line API has every ioctl that this kernel knows")
     ROWS("OBS-03"))
{
	int uffd = uffd_new();
	struct uffdio_api api = { .api = UFFD_API };
	uint64_t want = expected_number("OBS-03");

	EXPECT_EQ(fdinfo(uffd).ioctls, want, "ioctls in fdinfo before the handshake");
	EXPECT_EQ(fdinfo(uffd).features, 0, "features in fdinfo before the handshake");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT_EQ(fdinfo(uffd).ioctls, want, "ioctls in fdinfo");
	EXPECT_EQ(api.ioctls & ~want, 0, "ioctls of UFFDIO_API that fdinfo lacks");
}

/* What the link in /proc/PID/fd, of whatever process, leads to. */
static void expect_link(const char *process, int fd, const char *which)
{
	static const char want[] = "anon_inode:[userfaultfd]";
	char path[64], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/fd/%d", process, fd);
	n = readlink(path, target, sizeof(target) - 1);
	SETUP(n > 0, "readlink %s", path);
	target[n] = 0;
	EXPECT(!strcmp(target, want), "%s shows %s as '%s', expected '%s'", path, which, target,
	       want);
}

CASE(link_in_proc,
     DESC("/proc/PID/fd shows a uffd as anon_inode:[userfaultfd], before and after UFFDIO_API")
     ROWS("OBS-04"))
{
	int uffd = uffd_new(), copy;
	struct uffdio_api api = { .api = UFFD_API };
	char self[16];

	snprintf(self, sizeof(self), "%d", getpid());
	expect_link("self", uffd, "a new uffd");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	expect_link(self, uffd, "a uffd");
	copy = dup(uffd);
	SETUP(copy >= 0, "dup");
	close(uffd);
	expect_link("thread-self", copy, "a duplicate whose original is closed");
}

/* Read the format of each event below @folder; how many there were. */
static unsigned int read_formats(const char *folder, const char *text, char *found, size_t size)
{
	DIR *dir = opendir(folder);
	unsigned int n = 0;
	struct dirent *entry;

	SETUP(dir, "open %s", folder);
	while ((entry = readdir(dir))) {
		static char format[64 * 1024];
		char path[400];
		size_t filled = 0;
		ssize_t got;
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/format", folder, entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		while ((got = read(fd, format + filled, sizeof(format) - 1 - filled)) > 0)
			filled += got;
		close(fd);
		errno = 0;
		SETUP(filled < sizeof(format) - 1, "%s is longer than %zu bytes", path, filled);
		format[filled] = 0;
		n++;
		if (strstr(format, text))
			snprintf(found, size, "%s", path);
	}
	closedir(dir);
	return n;
}

CASE(no_event_names_the_flag,
     DESC("no event format in tracefs has uffd_minor: none of them shows VM flags")
     ROWS("OBS-07"))
{
	static const char events[] = "/sys/kernel/tracing/events";
	char found[400] = "", control[400] = "";
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir = opendir(events);

	SETUP(dir, "open %s", events);
	while ((entry = readdir(dir))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", events, entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		n += read_formats(path, "uffd_minor", found, sizeof(found));
	}
	closedir(dir);
	/* The same table of names has those of pages' flags, which events do show. */
	read_formats("/sys/kernel/tracing/events/kmem", "GFP_KERNEL", control, sizeof(control));
	errno = 0;
	SETUP(n > 100 && *control, "%u event formats, GFP_KERNEL in %s", n,
	      *control ? control : "none");
	EXPECT(!*found, "%s has uffd_minor", found);
	diag("%u event formats", n);
}
