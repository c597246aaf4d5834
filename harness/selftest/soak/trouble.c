// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does to a kernel what its bugs do: insmod trouble.ko what=NAME. Only for the
 * harness's own tests and its soak campaign.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>

static char *what = "";
module_param(what, charp, 0);
static int pid;
module_param(pid, int, 0);

/* As a BUG in an ioctl: the process dies, the kernel goes on. */
static int oops(void)
{
	*(volatile int *)8 = 0;
	return 0;
}

static int warn(void)
{
	WARN(1, "trouble: a warning\n");
	return -ECANCELED;
}

/* A loop that does not end and never schedules. */
static int soft_lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
	return 0;
}

/* The same with interrupts off: no timer, no serial port, nothing but an NMI. */
static int hard_lockup(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
	return 0;
}

/* A lock of another process that is never released: what it does next with its memory waits. */
static int mmap_lock(void)
{
	struct task_struct *task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	struct mm_struct *mm = task ? get_task_mm(task) : NULL;

	if (!mm)
		return -ESRCH;
	mmap_write_lock(mm);
	pr_info("trouble: has the lock\n");
	for (;;)
		msleep(1000);
	return 0;
}

/* An exception that finds no table of handlers, nor does the one that this makes: a reset. */
static int triple_fault(void)
{
#ifdef CONFIG_X86
	struct {
		u16 size;
		unsigned long address;
	} __packed none = { 0, 0 };

	local_irq_disable();
	asm volatile("lidt %0; int3" : : "m"(none));
#endif
	return -EOPNOTSUPP;
}

/* What a watchdog of the machine does: no handler runs, no word is said. */
static int restart(void)
{
	emergency_restart();
	return 0;
}

static int __init trouble_init(void)
{
	static const struct {
		const char *name;
		int (*make)(void);
	} troubles[] = {
		{ "oops", oops },
		{ "warn", warn },
		{ "soft-lockup", soft_lockup },
		{ "hard-lockup", hard_lockup },
		{ "mmap-lock", mmap_lock },
		{ "triple-fault", triple_fault },
		{ "reset", restart },
	};

	for (int i = 0; i < ARRAY_SIZE(troubles); i++)
		if (!strcmp(what, troubles[i].name))
			return troubles[i].make();
	return -EINVAL;
}
module_init(trouble_init);

MODULE_DESCRIPTION("trouble for a test kernel");
MODULE_LICENSE("GPL");
