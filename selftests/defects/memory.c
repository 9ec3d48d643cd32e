// SPDX-License-Identifier: GPL-2.0
/* Defects: invalid memory accesses, and leaks. */

#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "plant.h"

#define SIZE 64

/*
 * KASAN detects the write, SLUB later the damaged red zone. With the size hidden
 * from kmalloc(), the compiler does not complain about the write.
 */
static void out_of_bounds(void)
{
	size_t size = SIZE;
	char *object;

	OPTIMIZER_HIDE_VAR(size);
	object = kmalloc(size, GFP_KERNEL);
	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(object);
	((volatile char *)object)[SIZE] = 'x';
	kfree(object);
}

/* KASAN detects the write, SLUB later the damaged poison. */
static void use_after_free(void)
{
	char *object = kmalloc(SIZE, GFP_KERNEL);
	char *stale = object;

	OPTIMIZER_HIDE_VAR(stale);
	kfree(object);
	((volatile char *)stale)[SIZE / 2] = 'x';
	/* SLUB checks the poison at the next allocation of that object. */
	for (int i = 0; i < 1000; i++)
		kfree(kmalloc(SIZE, GFP_KERNEL));
}

/* KFENCE guards one allocation every few milliseconds: retry until it is this one. */
static void kfence_out_of_bounds(void)
{
	unsigned long until = jiffies + 10 * HZ;
	char *object;

	do {
		object = kmalloc(SIZE, GFP_KERNEL);
		if (object && is_kfence_address(object)) {
			OPTIMIZER_HIDE_VAR(object);
			/* The object may be at the start or at the end of its page. */
			(void)((volatile char *)object)[-1];
			(void)((volatile char *)object)[PAGE_SIZE];
		}
		kfree(object);
	} while (time_before(jiffies, until) && !is_kfence_address(object));
}

/* Frees a page whose `mapping` is still set. */
static void bad_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	page->mapping = (void *)page;
	__free_page(page);
}

static void page_poison(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	volatile char *stale;

	if (!page)
		return;
	stale = page_address(page);
	__free_page(page);
	stale[7] = 'x';
	/* The kernel checks the poison at the next allocation of the page. */
	for (int i = 0; i < 1000; i++) {
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return;
		__free_page(page);
	}
}

static int four[4];

static void index_too_large(void)
{
	int index = 4;

	OPTIMIZER_HIDE_VAR(index);
	four[index] = 1;
	barrier();
}

static void shift_too_far(void)
{
	int by = 77;

	OPTIMIZER_HIDE_VAR(by);
	four[0] = 1 << by;
	barrier();
}

/* Drops the only pointer to each object. */
static void leak_object(void)
{
	for (int i = 0; i < 16; i++) {
		void *lost = kmalloc(1000, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(lost);
	}
}

static void leak_pages(void)
{
	for (int i = 0; i < 4096; i++)
		alloc_page(GFP_KERNEL);
}

static void leak_from_cache(void)
{
	struct kmem_cache *cache =
		kmem_cache_create("defects", SIZE, 0, SLAB_NO_MERGE, NULL);

	if (!cache)
		return;
	kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_destroy(cache);
}

/* For allocations up to this order the kernel runs the OOM killer instead of failing. */
static void eat_memory(void)
{
	while (alloc_pages(GFP_KERNEL, PAGE_ALLOC_COSTLY_ORDER))
		;
}

static void tick(struct timer_list *timer)
{
}

struct ticking {
	struct timer_list timer;
};

static void free_active_timer(void)
{
	struct ticking *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return;
	timer_setup(&object->timer, tick, 0);
	mod_timer(&object->timer, jiffies + 100 * HZ);
	kfree(object);
}

const struct defect memory_defects[] = {
	{ "out-of-bounds", out_of_bounds },
	{ "use-after-free", use_after_free },
	{ "red-zone", out_of_bounds },
	{ "slab-poison", use_after_free },
	{ "kfence-out-of-bounds", kfence_out_of_bounds },
	{ "bad-page", bad_page },
	{ "page-poison", page_poison },
	{ "index-too-large", index_too_large },
	{ "shift-too-far", shift_too_far },
	{ "leak-object", leak_object },
	{ "leak-pages", leak_pages },
	{ "leak-from-cache", leak_from_cache },
	{ "eat-memory", eat_memory },
	{ "free-active-timer", free_active_timer },
	{ }
};
