// SPDX-License-Identifier: GPL-2.0
/*
 * Prints what AMD's runtime finds, a record of key=value pairs a line: the agents,
 * the memory pools of each, and of each pool of a GPU how the CPU reaches it. Takes
 * a page of each pool of a GPU that allows it, and gives it back.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#define PAGE 4096
#define MOST_HOPS 8

static hsa_agent_t cpu;
static bool have_cpu;

static void check(hsa_status_t status, const char *call)
{
	const char *text = "";

	if (status == HSA_STATUS_SUCCESS || status == HSA_STATUS_INFO_BREAK)
		return;
	hsa_status_string(status, &text);
	fprintf(stderr, "%s: status 0x%x: %s\n", call, status, text);
	/* exit() would end the runtime, which may be inside of this call. */
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

#define CHECK(call) check((call), #call)

static void print_reach(hsa_amd_memory_pool_t pool)
{
	hsa_amd_memory_pool_link_info_t links[MOST_HOPS] = { 0 };
	hsa_amd_memory_pool_access_t access;
	uint32_t hops;

	CHECK(hsa_amd_agent_memory_pool_get_info(
		cpu, pool, HSA_AMD_AGENT_MEMORY_POOL_INFO_ACCESS, &access));
	CHECK(hsa_amd_agent_memory_pool_get_info(
		cpu, pool, HSA_AMD_AGENT_MEMORY_POOL_INFO_NUM_LINK_HOPS, &hops));
	printf(" cpu_access=%d hops=%u", access, hops);
	if (hops && hops <= MOST_HOPS) {
		CHECK(hsa_amd_agent_memory_pool_get_info(
			cpu, pool, HSA_AMD_AGENT_MEMORY_POOL_INFO_LINK_INFO, links));
		printf(" link_type=%d", links[0].link_type);
	}
}

static hsa_status_t print_pool(hsa_amd_memory_pool_t pool, void *of_gpu)
{
	hsa_amd_segment_t segment;
	uint32_t flags = 0;
	bool allowed;
	size_t size;

	CHECK(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment));
	CHECK(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SIZE, &size));
	CHECK(hsa_amd_memory_pool_get_info(
		pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &allowed));
	if (segment == HSA_AMD_SEGMENT_GLOBAL)
		CHECK(hsa_amd_memory_pool_get_info(
			pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags));
	printf("record=pool segment=%d flags=0x%x size=%zu", segment, flags, size);
	if (*(bool *)of_gpu && have_cpu)
		print_reach(pool);
	if (*(bool *)of_gpu && allowed) {
		void *page;
		hsa_status_t status = hsa_amd_memory_pool_allocate(pool, PAGE, 0, &page);

		printf(" allocation=0x%x", status);
		if (status == HSA_STATUS_SUCCESS)
			CHECK(hsa_amd_memory_pool_free(page));
	}
	putchar('\n');
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t find_cpu(hsa_agent_t agent, void *unused)
{
	hsa_device_type_t type;

	(void)unused;
	CHECK(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type));
	if (type != HSA_DEVICE_TYPE_CPU)
		return HSA_STATUS_SUCCESS;
	cpu = agent;
	have_cpu = true;
	return HSA_STATUS_INFO_BREAK;
}

static hsa_status_t print_agent(hsa_agent_t agent, void *unused)
{
	hsa_device_type_t type;
	char name[64] = "";
	uint32_t node;
	bool is_gpu;

	(void)unused;
	CHECK(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type));
	CHECK(hsa_agent_get_info(agent, HSA_AGENT_INFO_NODE, &node));
	is_gpu = type == HSA_DEVICE_TYPE_GPU;
	if (is_gpu)
		CHECK(hsa_agent_get_info(agent, HSA_AGENT_INFO_NAME, name));
	/* A CPU's name has blanks. */
	printf("record=agent node=%u type=%s name=%s\n", node, is_gpu ? "gpu" : "other",
	       is_gpu ? name : "-");
	return hsa_amd_agent_iterate_memory_pools(agent, print_pool, &is_gpu);
}

int main(void)
{
	CHECK(hsa_init());
	CHECK(hsa_iterate_agents(find_cpu, NULL));
	CHECK(hsa_iterate_agents(print_agent, NULL));
	CHECK(hsa_shut_down());
	puts("record=done");
	return EXIT_SUCCESS;
}
