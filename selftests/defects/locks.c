// SPDX-License-Identifier: GPL-2.0
/* Defects: misused locks, and sleeping in atomic context. */

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "plant.h"

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

/* Takes two locks in both orders: a possible deadlock, which does not happen here. */
static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

/* Nests two locks of one lockdep class, such as those of two similar objects. */
static void lock_of_same_class(void)
{
	struct mutex locks[2];

	for (int i = 0; i < 2; i++)
		mutex_init(&locks[i]);
	mutex_lock(&locks[0]);
	mutex_lock(&locks[1]);
	mutex_unlock(&locks[1]);
	mutex_unlock(&locks[0]);
}

static void lock_not_held(void)
{
	mutex_lock(&first);
	mutex_unlock(&first);
	spin_release(&spin.dep_map, _THIS_IP_);
}

static void lock_freed(void)
{
	struct mutex *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	mutex_init(lock);
	mutex_lock(lock);
	kfree(lock);
}

static void lock_kept(void)
{
	mutex_lock(&first);
}

/* Uses zeroed memory as a lock, without initializing it. */
static void lock_without_key(void)
{
	spinlock_t *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
#ifdef CONFIG_DEBUG_SPINLOCK
	lock->rlock.magic = SPINLOCK_MAGIC;
	lock->rlock.owner = SPINLOCK_OWNER_INIT;
	lock->rlock.owner_cpu = -1;
#endif
	spin_lock(lock);
	spin_unlock(lock);
	kfree(lock);
}

static DECLARE_COMPLETION(ticked);

static void tick(struct timer_list *timer)
{
	spin_lock(&spin);
	spin_unlock(&spin);
	complete(&ticked);
}

static DEFINE_TIMER(timer, tick);

/* Takes a lock in a softirq, then with softirqs enabled: a possible deadlock. */
static void lock_open_to_softirq(void)
{
	mod_timer(&timer, jiffies + 1);
	wait_for_completion(&ticked);
	spin_lock(&spin);
	spin_unlock(&spin);
}

static int value;
static int __rcu *protected = (int __rcu *)&value;

static void rcu_unprotected(void)
{
	value = *rcu_dereference(protected);
}

static void sleep_under_rcu(void)
{
	rcu_read_lock();
	schedule_timeout_uninterruptible(1);
	rcu_read_unlock();
}

static void schedule_while_atomic(void)
{
	spin_lock(&spin);
	schedule_timeout_uninterruptible(1);
	spin_unlock(&spin);
}

/* might_sleep() complains, although nothing here sleeps. */
static void mutex_under_spinlock(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

const struct defect lock_defects[] = {
	{ "lock-order", lock_order },
	{ "lock-of-same-class", lock_of_same_class },
	{ "lock-not-held", lock_not_held },
	{ "lock-freed", lock_freed },
	{ "lock-kept", lock_kept },
	{ "lock-without-key", lock_without_key },
	{ "lock-open-to-softirq", lock_open_to_softirq },
	{ "rcu-unprotected", rcu_unprotected },
	{ "sleep-under-rcu", sleep_under_rcu },
	{ "schedule-while-atomic", schedule_while_atomic },
	{ "may-sleep-while-atomic", mutex_under_spinlock },
	{ }
};
