// SPDX-License-Identifier: GPL-2.0
/*
 * Defects that stall. Each stall ends by itself, long after the limit that its
 * boot sets, so that a kernel that does not detect it continues.
 */

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "plant.h"

#define LONG (40 * HZ)

/* Above the limit of the workqueue watchdog, below those of the other watchdogs. */
#define WORKQUEUE_STALL (10 * HZ)

static void spin_for(unsigned long time)
{
	unsigned long until = jiffies + time;

	while (time_before(jiffies, until))
		cpu_relax();
}

static void soft_lockup(void)
{
	preempt_disable();
	spin_for(LONG);
	preempt_enable();
}

static void nothing(struct rcu_head *head)
{
}

static struct rcu_head wanted;

/* A preemptible RCU reader blocks a grace period. */
static void rcu_stall(void)
{
	call_rcu(&wanted, nothing);
	rcu_read_lock();
	spin_for(LONG);
	rcu_read_unlock();
	rcu_barrier();
}

static DECLARE_COMPLETION(never);

static void hung_task(void)
{
	wait_for_completion_timeout(&never, LONG);
}

static void spin_in_work(struct work_struct *work)
{
	preempt_disable();
	spin_for(WORKQUEUE_STALL);
	preempt_enable();
}

static void do_nothing(struct work_struct *work)
{
}

static DECLARE_WORK(spinning, spin_in_work);
static DECLARE_WORK(waiting, do_nothing);

static void work_queue_stuck(void)
{
	/* Queue both before the first starts. */
	preempt_disable();
	schedule_work(&spinning);
	schedule_work(&waiting);
	preempt_enable();
	flush_work(&waiting);
}

const struct defect stalls[] = {
	{ "soft-lockup", soft_lockup },
	{ "rcu-stall", rcu_stall },
	{ "hung-task", hung_task },
	{ "work-queue-stuck", work_queue_stuck },
	{ }
};
