// SPDX-License-Identifier: GPL-2.0
/*
 * Prints what libhsakmt reports of every node: one record of key=value pairs per
 * line. The keys are the library's own names; numbers are decimal.
 *
 *     topology [STEP]
 *
 * STEP, 0 to 3, selects the calls that stand_in.h answers instead of the system.
 * The default, 3, is all that the library needs.
 */

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <hsakmt/hsakmt.h>

#include "stand_in.h"

static void number(const char *key, unsigned long long value)
{
	printf(" %s=%llu", key, value);
}

/* Prints a string without blanks and quotes; an empty one as "-". */
static void text(const char *key, const HSAuint8 *value)
{
	printf(" %s=", key);
	if (!*value)
		putchar('-');
	for (; *value; value++)
		putchar(isgraph(*value) && *value != '"' && *value != '\'' ? *value : '-');
}

static bool failed(const char *call, HSAKMT_STATUS status)
{
	if (status == HSAKMT_STATUS_SUCCESS)
		return false;
	fprintf(stderr, "%s: status %d\n", call, status);
	return true;
}

static void print_node(unsigned int node, const HsaNodeProperties *p)
{
	printf("record=node node=%u", node);
	number("num_cpu_cores", p->NumCPUCores);
	number("num_f_compute_cores", p->NumFComputeCores);
	number("num_memory_banks", p->NumMemoryBanks);
	number("num_caches", p->NumCaches);
	number("num_io_links", p->NumIOLinks);
	number("c_compute_id_lo", p->CComputeIdLo);
	number("f_compute_id_lo", p->FComputeIdLo);
	number("capability", p->Capability.Value);
	number("coherent_host_access", p->Capability.ui32.CoherentHostAccess);
	number("max_waves_per_simd", p->MaxWavesPerSIMD);
	number("lds_size_in_kb", p->LDSSizeInKB);
	number("gds_size_in_kb", p->GDSSizeInKB);
	number("wave_front_size", p->WaveFrontSize);
	number("num_shader_banks", p->NumShaderBanks);
	number("num_arrays", p->NumArrays);
	number("num_cu_per_array", p->NumCUPerArray);
	number("num_simd_per_cu", p->NumSIMDPerCU);
	number("max_slots_scratch_cu", p->MaxSlotsScratchCU);
	number("engine_ucode", p->EngineId.ui32.uCode);
	number("engine_major", p->EngineId.ui32.Major);
	number("engine_minor", p->EngineId.ui32.Minor);
	number("engine_stepping", p->EngineId.ui32.Stepping);
	number("vendor_id", p->VendorId);
	number("device_id", p->DeviceId);
	number("location_id", p->LocationId);
	number("domain", p->Domain);
	number("local_mem_size", p->LocalMemSize);
	number("max_engine_clock_mhz_f_compute", p->MaxEngineClockMhzFCompute);
	number("max_engine_clock_mhz_c_compute", p->MaxEngineClockMhzCCompute);
	number("drm_render_minor", (unsigned int)p->DrmRenderMinor);
	text("amd_name", p->AMDName);
	number("ucode_sdma", p->uCodeEngineVersions.uCodeSDMA);
	number("debug_properties", p->DebugProperties.Value);
	number("hive_id", p->HiveID);
	number("num_sdma_engines", p->NumSdmaEngines);
	number("num_sdma_xgmi_engines", p->NumSdmaXgmiEngines);
	number("num_sdma_queues_per_engine", p->NumSdmaQueuesPerEngine);
	number("num_cp_queues", p->NumCpQueues);
	number("num_gws", p->NumGws);
	number("integrated", p->Integrated);
	number("unique_id", p->UniqueID);
	number("vgpr_size_per_cu", p->VGPRSizePerCU);
	number("sgpr_size_per_cu", p->SGPRSizePerCU);
	number("num_xcc", p->NumXcc);
	number("kfd_gpu_id", p->KFDGpuID);
	number("family_id", p->FamilyID);
	putchar('\n');
}

static void print_bank(unsigned int node, unsigned int bank, const HsaMemoryProperties *p)
{
	printf("record=bank node=%u bank=%u", node, bank);
	number("heap_type", p->HeapType);
	number("size_in_bytes", p->SizeInBytes);
	number("flags", p->Flags.MemoryProperty);
	number("hot_pluggable", p->Flags.ui32.HotPluggable);
	number("width", p->Width);
	number("memory_clock_max", p->MemoryClockMax);
	number("virtual_base_address", p->VirtualBaseAddress);
	putchar('\n');
}

static void print_link(unsigned int node, unsigned int link, const HsaIoLinkProperties *p)
{
	printf("record=link node=%u link=%u", node, link);
	number("io_link_type", p->IoLinkType);
	number("version_major", p->VersionMajor);
	number("version_minor", p->VersionMinor);
	number("node_from", p->NodeFrom);
	number("node_to", p->NodeTo);
	number("weight", p->Weight);
	number("minimum_latency", p->MinimumLatency);
	number("maximum_latency", p->MaximumLatency);
	number("minimum_bandwidth", p->MinimumBandwidth);
	number("maximum_bandwidth", p->MaximumBandwidth);
	number("rec_transfer_size", p->RecTransferSize);
	number("flags", p->Flags.LinkProperty);
	putchar('\n');
}

static bool print_banks(unsigned int node, unsigned int count)
{
	HsaMemoryProperties *banks = calloc(count + 1, sizeof(*banks));
	bool done = banks && !failed("hsaKmtGetNodeMemoryProperties",
				     hsaKmtGetNodeMemoryProperties(node, count, banks));

	for (unsigned int i = 0; done && i < count; i++)
		print_bank(node, i, &banks[i]);
	free(banks);
	return done;
}

static bool print_links(unsigned int node, unsigned int count)
{
	HsaIoLinkProperties *links = calloc(count + 1, sizeof(*links));
	bool done = links && !failed("hsaKmtGetNodeIoLinkProperties",
				     hsaKmtGetNodeIoLinkProperties(node, count, links));

	for (unsigned int i = 0; done && i < count; i++)
		print_link(node, i, &links[i]);
	free(links);
	return done;
}

static bool print_topology(void)
{
	HsaSystemProperties system;
	HsaNodeProperties node;

	if (failed("hsaKmtAcquireSystemProperties", hsaKmtAcquireSystemProperties(&system)))
		return false;
	printf("record=system num_nodes=%u\n", system.NumNodes);
	for (unsigned int i = 0; i < system.NumNodes; i++) {
		if (failed("hsaKmtGetNodeProperties", hsaKmtGetNodeProperties(i, &node)))
			return false;
		print_node(i, &node);
		if (!print_banks(i, node.NumMemoryBanks) || !print_links(i, node.NumIOLinks))
			return false;
	}
	return !failed("hsaKmtReleaseSystemProperties", hsaKmtReleaseSystemProperties());
}

int main(int argc, char **argv)
{
	bool done;

	stand_in = argc > 1 ? (enum stand_in)atoi(argv[1]) : STAND_IN_MEMORY_POLICY;
	if (argc > 2 || stand_in >= STAND_INS) {
		fprintf(stderr, "usage: topology [0 to %d]\n", STAND_INS - 1);
		return EXIT_FAILURE;
	}
	done = !failed("hsaKmtOpenKFD", hsaKmtOpenKFD());
	if (done) {
		done = print_topology();
		done &= !failed("hsaKmtCloseKFD", hsaKmtCloseKFD());
	}
	stand_in_print();
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
