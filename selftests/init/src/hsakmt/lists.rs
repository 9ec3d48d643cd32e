// SPDX-License-Identifier: GPL-2.0

//! The values that both the module and libhsakmt report, and those of only one, with reasons.
//!
//! A key that is in no list fails the comparison, so a new key needs an entry here.
//! The lists describe libhsakmt 6.2.4, `src/topology.c` and `src/fmm.c`.

use super::theirs::{self, Form};

/// Values that both report: the module's file and key, and libhsakmt's value in the module's form.
pub const BOTH: &[(&str, &str, Form)] = &[
    ("gpus", "gpu", theirs::GPU),
    ("gpus", "device", theirs::DEVICE),
    ("gpus", "node", theirs::NODE),
    ("gpus", "gpu_id", theirs::GPU_ID),
    ("gpus", "gfx", theirs::GFX),
    ("gpus", "atomics_kfd", theirs::ATOMICS_IN_KFD),
    ("gpus", "mec_fw", theirs::MEC_FW),
    ("heaps", "node", theirs::NODE),
    ("heaps", "bank", theirs::BANK),
    ("heaps", "heap", theirs::HEAP),
    ("heaps", "size_bytes", theirs::SIZE),
    ("heaps", "width_bits", theirs::WIDTH),
    ("heaps", "mem_clk_max_mhz", theirs::CLOCK),
    ("heaps", "flags", theirs::BANK_FLAGS),
    ("flags", "node", theirs::NODE),
    ("flags", "claimed_hot_pluggable", theirs::HOT_PLUGGABLE),
    ("flags", "claimed_xgmi", theirs::ANY_XGMI),
    ("flags", "claimed_host_coherent", theirs::HOST_COHERENT),
    ("flags", "claimed_gfx", theirs::GFX),
];

/// The value that each rule observes (`observed` in `checks`).
pub const OBSERVED: &[(&str, Form)] = &[
    ("gfx-version", theirs::GFX),
    ("pci-identity", theirs::IDENTITY),
    ("bank-flags", theirs::BANK_FLAGS),
    ("heap-type", theirs::HEAP),
    ("bank-count", theirs::BANK_COUNTS),
    ("bank-size", theirs::SIZE),
    ("hive-id", theirs::HIVE),
    ("xgmi", theirs::XGMI_COUNTS),
    ("host-coherent", theirs::CAPABILITY),
    ("link-coherent", theirs::FLAGS_FROM_CPU),
    ("heap-bar", theirs::HEAP_AND_SIZE),
];

const FROM_PCI: &str = "from the PCI core; libhsakmt does not ask it";
const HARDWARE: &str = "what the hardware is, whatever KFD says";
const FOUND: &str = "by this the two were brought together, so it proves nothing more";
const JUDGED: &str = "the module's own judgement";

/// Values that only the module reports: file, key and reason.
pub const ONLY_OURS: &[(&str, &str, &str)] = &[
    ("gpus", "revision", FROM_PCI),
    ("gpus", "subsystem", FROM_PCI),
    ("gpus", "board", FROM_PCI),
    ("gpus", "driver", FROM_PCI),
    ("gpus", "bar0_bytes", FROM_PCI),
    ("gpus", "bar", FROM_PCI),
    ("gpus", "link_gts", FROM_PCI),
    ("gpus", "link_width", FROM_PCI),
    ("gpus", "link_gts_max", FROM_PCI),
    ("gpus", "link_width_max", FROM_PCI),
    ("gpus", "power", FROM_PCI),
    ("gpus", "vram_total_bytes", FROM_PCI),
    ("gpus", "atomics", FROM_PCI),
    ("gpus", "atomics_hop", FROM_PCI),
    ("gpus", "kfd", FOUND),
    ("gpus", "reason", JUDGED),
    ("gpus", "coarse_grained_only", HARDWARE),
    ("gpus", "verdict", JUDGED),
    ("heaps", "gpu", FOUND),
    ("heaps", "coarse_grained_only", HARDWARE),
    ("heaps", "fine_grained", HARDWARE),
    ("heaps", "verdict", JUDGED),
    ("heaps", "rules", JUDGED),
    ("flags", "gpu", FOUND),
    ("flags", "coarse_grained_only", HARDWARE),
    ("flags", "fine_grained_vram", HARDWARE),
    ("flags", "hot_pluggable_vram", HARDWARE),
    ("flags", "xgmi", HARDWARE),
    ("flags", "host_coherent", HARDWARE),
    ("flags", "gfx", HARDWARE),
    ("flags", "verdict", JUDGED),
];

const FORM: &str = "the program's own, or what binds records together";
const COMPUTE: &str = "the shape of the compute units; the module does not show it";
const CLOCKS: &str = "engine clocks; the module does not show them";
const QUEUES: &str = "queues and engines for programs; the module does not show them";
const IN_OTHER_WORDS: &str = "a count of what is there one by one";
const TABLES: &str = "the library's own, from its tables";
const DRM: &str = "from the DRM render node, which is not there: 0";
const OTHER: &str = "KFD prints it; the module does not show it";
const PROCESS: &str = "an address in the library's process";
const LINK_COST: &str = "the cost and speed of a link; the module does not show it";

/// Values that only libhsakmt reports: key and reason.
pub const ONLY_THEIRS: &[(&str, &str)] = &[
    ("node.record", FORM),
    ("node.num_cpu_cores", COMPUTE),
    ("node.num_f_compute_cores", COMPUTE),
    ("node.num_caches", COMPUTE),
    ("node.num_io_links", IN_OTHER_WORDS),
    ("node.c_compute_id_lo", COMPUTE),
    ("node.f_compute_id_lo", COMPUTE),
    ("node.max_waves_per_simd", COMPUTE),
    ("node.lds_size_in_kb", COMPUTE),
    ("node.gds_size_in_kb", COMPUTE),
    ("node.wave_front_size", COMPUTE),
    ("node.num_shader_banks", COMPUTE),
    ("node.num_arrays", COMPUTE),
    ("node.num_cu_per_array", COMPUTE),
    ("node.num_simd_per_cu", COMPUTE),
    ("node.max_slots_scratch_cu", COMPUTE),
    ("node.num_xcc", COMPUTE),
    ("node.vgpr_size_per_cu", TABLES),
    ("node.sgpr_size_per_cu", TABLES),
    ("node.amd_name", TABLES),
    ("node.max_engine_clock_mhz_f_compute", CLOCKS),
    ("node.max_engine_clock_mhz_c_compute", CLOCKS),
    ("node.ucode_sdma", OTHER),
    ("node.debug_properties", OTHER),
    ("node.local_mem_size", OTHER),
    ("node.drm_render_minor", OTHER),
    ("node.unique_id", OTHER),
    ("node.num_sdma_engines", QUEUES),
    ("node.num_sdma_queues_per_engine", QUEUES),
    ("node.num_cp_queues", QUEUES),
    ("node.num_gws", QUEUES),
    ("node.integrated", DRM),
    ("node.family_id", DRM),
    ("bank.record", FORM),
    ("bank.node", FORM),
    ("bank.virtual_base_address", PROCESS),
    ("link.record", FORM),
    ("link.node", FORM),
    ("link.link", FORM),
    ("link.node_from", FORM),
    ("link.node_to", FORM),
    ("link.version_major", LINK_COST),
    ("link.version_minor", LINK_COST),
    ("link.weight", LINK_COST),
    ("link.minimum_latency", LINK_COST),
    ("link.maximum_latency", LINK_COST),
    ("link.minimum_bandwidth", LINK_COST),
    ("link.maximum_bandwidth", LINK_COST),
    ("link.rec_transfer_size", LINK_COST),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_is_in_two_lists() {
        let both = BOTH.iter().map(|(file, key, _)| (*file, *key));
        let ours = ONLY_OURS.iter().map(|(file, key, _)| (*file, *key));
        let all: Vec<_> = both.chain(ours).collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), different.len());
    }

    #[test]
    fn every_exception_has_a_reason() {
        let ours = ONLY_OURS.iter().map(|(_, _, why)| why);
        let theirs = ONLY_THEIRS.iter().map(|(_, why)| why);
        let added = theirs::ADDED_BANKS.iter().map(|(_, why)| why);
        assert!(ours.chain(theirs).chain(added).all(|why| why.len() > 3));
    }
}
