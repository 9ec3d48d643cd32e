// SPDX-License-Identifier: GPL-2.0

//! The GPUs that KFD knows, a few of each generation.
//!
//! Device ids and ISA versions are of `amdgpu_drv.c` (`pciidlist`) and `kfd_device.c`
//! (`kgd2kfd_probe()`). The capabilities are guesses, but for bit 28.

use proptest::{
    prelude::*,
    sample::select, //
};

/// A kind of GPU.
#[derive(Clone, Debug)]
pub struct Generation {
    pub device: u32,
    pub gfx: u32,
    /// An APU that older kernels took from the firmware's table, with the CPU's cores in its node.
    /// Made up: here that node comes beside the CPU's, in KFD it is the CPU's.
    pub in_cpu_node: bool,
    /// Sits in an XGMI hive with the others of its kind.
    pub hive: bool,
    /// Reaches the CPU over XGMI, in the same package.
    pub xgmi_to_cpu: bool,
    /// `HSA_CAP_*` bits.
    pub capability: u32,
}

const fn card(device: u32, gfx: u32) -> Generation {
    Generation {
        device,
        gfx,
        in_cpu_node: false,
        hive: false,
        xgmi_to_cpu: false,
        capability: 0x0028_2280,
    }
}

const fn old_apu(device: u32, gfx: u32) -> Generation {
    Generation {
        in_cpu_node: true,
        ..card(device, gfx)
    }
}

const fn in_hive(device: u32, gfx: u32) -> Generation {
    Generation {
        hive: true,
        ..card(device, gfx)
    }
}

/// The device that is judged.
pub const NAVI10: Generation = card(0x731f, 100_100);

const OTHERS: [Generation; 30] = [
    old_apu(0x130f, 70_000),
    card(0x67b0, 70_001),
    old_apu(0x9874, 80_001),
    card(0x7300, 80_003),
    card(0x67df, 80_003),
    card(0x687f, 90_000),
    card(0x6860, 90_000),
    old_apu(0x15dd, 90_002),
    card(0x66af, 90_006),
    in_hive(0x66a1, 90_006),
    in_hive(0x738c, 90_008),
    in_hive(0x740f, 90_010),
    in_hive(0x74a1, 90_402),
    // MI300A: coherent host access is the truth of it (bit 28).
    Generation {
        xgmi_to_cpu: true,
        capability: 0x3c67_a280,
        ..in_hive(0x74a0, 90_402)
    },
    in_hive(0x75a0, 90_500),
    // Navi10 all of them, and yet not the device that is judged.
    card(0x7310, 100_100),
    card(0x7312, 100_100),
    card(0x731b, 100_100),
    card(0x731e, 100_100),
    card(0x7360, 100_101),
    card(0x7340, 100_102),
    card(0x73bf, 100_300),
    card(0x73df, 100_301),
    card(0x73ff, 100_302),
    card(0x164e, 100_306),
    card(0x744c, 110_000),
    card(0x15bf, 110_003),
    card(0x1586, 110_501),
    card(0x7590, 120_000),
    card(0x7550, 120_001),
];

/// Any of them, and more often than by chance the one that is judged.
pub fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![1 => Just(NAVI10), 3 => select(&OTHERS[..])]
}
