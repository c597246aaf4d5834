// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of every guest: mounts, modules, network, sshd, and a word on the console at each stage;
 * the host reads them: harness/machine/boot.py.
 *
 * In C, because every program that a shell starts takes 10 to 20 ms of an emulated CPU, and the
 * shell itself some more: 0.4 s of an arm64 guest's boot of 3.3 s.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* QEMU's user network has the guest at this address (docs/system/devices/net.rst). */
#define ADDRESS	"10.0.2.15"
#define NETMASK	"255.255.255.0"

static void mount_all(void)
{
	static const char *const folders[] = { "/dev/pts", "/dev/shm", "/dev/hugepages" };
	FILE *fstab = setmntent("/etc/fstab", "r");
	struct mntent *m;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(folders); i++)
		mkdir(folders[i], 0755);
	if (!fstab) {
		say("trouble: no /etc/fstab: %s", strerror(errno));
		return;
	}
	while ((m = getmntent(fstab))) {
		const char *options = strcmp(m->mnt_opts, MNTOPT_DEFAULTS) ? m->mnt_opts : "";

		if (mount(m->mnt_fsname, m->mnt_dir, m->mnt_type, 0, options))
			say("note: %s is not mounted: %s", m->mnt_dir, strerror(errno));
	}
	endmntent(fstab);
	/*
	 * dropbear mixes it into its random numbers, beside getrandom(2) (genrandom.c), before it
	 * listens and in every clone: the kernel takes 10 to 30 ms of an emulated CPU to print it.
	 */
	if (mount("/dev/null", "/proc/timer_list", NULL, MS_BIND, NULL))
		say("note: /proc/timer_list is not hidden: %s", strerror(errno));
}

/* Dependencies come first in the list (harness/image/modules.py). */
static void load_modules(void)
{
	FILE *order = fopen("/modules/order", "r");
	char name[128], path[160];

	while (order && fscanf(order, "%127s", name) == 1) {
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			say("trouble: cannot load %s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (order)
		fclose(order);
}

static int set_address(int fd, const char *device, unsigned long request, const char *address)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&ifr.ifr_addr;

	strncpy(ifr.ifr_name, device, IFNAMSIZ - 1);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	return ioctl(fd, request, &ifr);
}

static int set_up(int fd, const char *device)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, device, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -1;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

/* netdevice(7); the kernel gives lo its address. */
static void start_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (set_up(fd, "lo"))
		say("note: lo is not up: %s", strerror(errno));
	if (set_address(fd, "eth0", SIOCSIFADDR, ADDRESS) ||
	    set_address(fd, "eth0", SIOCSIFNETMASK, NETMASK) || set_up(fd, "eth0"))
		say("trouble: no network device: %s", strerror(errno));
	close(fd);
}

/* console() in a process of its own: what it is told to do may take its time. */
static pid_t start_console(void)
{
	static char *sshd[] = {
		"/usr/sbin/dropbear",
		/* Host key, no passwords, no port forwarding. */
		"-r", "/etc/dropbear/host_key", "-s", "-j", "-k",
		"-p", ADDRESS ":22",
		/* Window: of the default, 24 KiB, most of the time goes into waiting. */
		"-W", "262144", NULL,
	};
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, "console");
		_exit(console(sshd));
	}
	return pid;
}

int boot(void)
{
	pid_t listener, gone;
	int status;

	/* The descriptors 0 to 2 are the console: the kernel opened it (init/main.c). */
	mount("proc", "/proc", "proc", 0, "");
	mount("dev", "/dev", "devtmpfs", 0, "");
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	say("stage init");
	mount_all();
	load_modules();
	say("stage network");
	start_network();
	listener = start_console();
	/* Reap what has lost its parent, for ever. */
	for (;;) {
		gone = wait(&status);
		if (gone < 0 && errno == ECHILD)
			pause();
		else if (gone == listener)
			say("trouble: nobody listens on the console: status %#x", status);
	}
}
