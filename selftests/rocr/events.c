// SPDX-License-Identifier: GPL-2.0
/*
 * KFD's events, for which threads of the runtime wait until it ends. The kernel's
 * KFD makes no signal event here: it keeps them in a page of the card's memory. This
 * is simpler than kfd_events.c: all types share their numbers, can be set and reset,
 * and an auto-reset event wakes the first waiter only.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include <linux/kfd_ioctl.h>

#include "stand_in.h"

#define MOST_EVENTS 4096
#define FOREVER 0xffffffffu

static struct event {
	bool used, is_signal, auto_reset, signaled;
	/* counts how often it was set, from 1 on */
	uint64_t age;
} events[MOST_EVENTS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static struct event *find(uint32_t id)
{
	return id < MOST_EVENTS && events[id].used ? &events[id] : NULL;
}

static int create(struct kfd_ioctl_create_event_args *args)
{
	uint32_t id = 0;

	while (id < MOST_EVENTS && events[id].used)
		id++;
	if (id == MOST_EVENTS)
		return ENOSPC;
	events[id] = (struct event){
		.used = true,
		.is_signal = args->event_type == KFD_IOC_EVENT_SIGNAL,
		.auto_reset = args->auto_reset,
		.age = 1,
	};
	args->event_id = id;
	args->event_trigger_data = id;
	args->event_slot_index = id;
	return 0;
}

static int change(uint32_t id, bool used, bool signaled)
{
	struct event *event = find(id);

	if (!event)
		return EINVAL;
	event->used = used;
	event->signaled = signaled;
	event->age += signaled;
	pthread_cond_broadcast(&changed);
	return 0;
}

/* Whether the program has not yet seen that it was set. */
static bool is_news(const struct event *event, const struct kfd_event_data *data)
{
	uint64_t seen = data->signal_event_data.last_event_age;

	return event->signaled || (event->is_signal && seen && seen != event->age);
}

/* Those that are waited for: how many are set, or an error (below 0) if one is gone. */
static int count_set(const struct kfd_event_data *data, uint32_t count)
{
	int set = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct event *event = find(data[i].event_id);

		if (!event)
			return -EIO;
		set += is_news(event, &data[i]);
	}
	return set;
}

static void hand_over(struct kfd_event_data *data, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct event *event = find(data[i].event_id);

		if (!is_news(event, &data[i]))
			continue;
		if (event->is_signal && data[i].signal_event_data.last_event_age)
			data[i].signal_event_data.last_event_age = event->age;
		if (event->auto_reset)
			event->signaled = false;
	}
}

static int wait_for(struct kfd_ioctl_wait_events_args *args)
{
	struct kfd_event_data *data = (void *)(uintptr_t)args->events_ptr;
	struct timespec until;
	int set, error = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += args->timeout / 1000;
	until.tv_nsec += args->timeout % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	for (;;) {
		set = count_set(data, args->num_events);
		if (set < 0)
			break;
		if (set && (!args->wait_for_all || (uint32_t)set == args->num_events)) {
			hand_over(data, args->num_events);
			args->wait_result = KFD_IOC_WAIT_RESULT_COMPLETE;
			return 0;
		}
		if (error == ETIMEDOUT || !args->timeout) {
			args->wait_result = KFD_IOC_WAIT_RESULT_TIMEOUT;
			return 0;
		}
		error = args->timeout == FOREVER ? pthread_cond_wait(&changed, &lock) :
						   pthread_cond_timedwait(&changed, &lock, &until);
	}
	args->wait_result = KFD_IOC_WAIT_RESULT_FAIL;
	return -set;
}

int events_ioctl(unsigned long request, void *arg)
{
	int error;

	pthread_mutex_lock(&lock);
	switch (request) {
	case AMDKFD_IOC_CREATE_EVENT:
		error = create(arg);
		break;
	case AMDKFD_IOC_DESTROY_EVENT:
		error = change(((struct kfd_ioctl_destroy_event_args *)arg)->event_id, false, false);
		break;
	case AMDKFD_IOC_SET_EVENT:
		error = change(((struct kfd_ioctl_set_event_args *)arg)->event_id, true, true);
		break;
	case AMDKFD_IOC_RESET_EVENT:
		error = change(((struct kfd_ioctl_reset_event_args *)arg)->event_id, true, false);
		break;
	default: /* AMDKFD_IOC_WAIT_EVENTS */
		error = wait_for(arg);
	}
	pthread_mutex_unlock(&lock);
	errno = error ? error : errno;
	return error ? -1 : 0;
}
