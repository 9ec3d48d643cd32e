// SPDX-License-Identifier: GPL-2.0

//! The GPUs that KFD knows, a few of each generation.
//!
//! Device ids and ISA versions are those of `amdgpu_drv.c` (`pciidlist`) and `kfd_device.c`
//! (`kgd2kfd_probe()`). The capabilities are guesses, except bit 28.

use proptest::{
    prelude::*,
    sample::select, //
};

/// How a GPU reaches its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuLink {
    PciExpress,
    /// Over XGMI (`gmc.xgmi.connected_to_cpu`). Other GPUs do not reach it over PCI Express.
    Xgmi,
    /// Over XGMI, because both are in one package. Other GPUs reach it over PCI Express.
    Package,
}

/// A kind of GPU.
#[derive(Clone, Debug)]
pub struct Generation {
    pub device: u16,
    pub gfx: u32,
    /// An APU that older kernels took from the firmware's table, with the CPU's cores in its node.
    pub in_cpu_node: bool,
    /// The CPU can reach all of its memory, whatever the BAR is.
    pub apu: bool,
    /// Sits in an XGMI hive with the others of its kind.
    pub hive: bool,
    pub cpu_link: CpuLink,
    /// `HSA_CAP_*` bits.
    pub capability: u32,
}

const fn card(device: u16, gfx: u32) -> Generation {
    Generation {
        device,
        gfx,
        in_cpu_node: false,
        apu: false,
        hive: false,
        cpu_link: CpuLink::PciExpress,
        capability: 0x0028_2280,
    }
}

const fn apu(device: u16, gfx: u32) -> Generation {
    Generation {
        apu: true,
        ..card(device, gfx)
    }
}

const fn old_apu(device: u16, gfx: u32) -> Generation {
    Generation {
        in_cpu_node: true,
        ..apu(device, gfx)
    }
}

const fn in_hive(device: u16, gfx: u32) -> Generation {
    Generation {
        hive: true,
        ..card(device, gfx)
    }
}

/// The device that is judged.
pub const NAVI10: Generation = card(0x731f, 100_100);

/// `IP_VERSION(9, 4, 0)` of KFD: Vega20, which is not coherent even over XGMI.
pub const VEGA20: u32 = 90_006;

const OTHERS: [Generation; 31] = [
    old_apu(0x130f, 70_000),
    card(0x67b0, 70_001),
    old_apu(0x9874, 80_001),
    card(0x7300, 80_003),
    card(0x67df, 80_003),
    card(0x687f, 90_000),
    card(0x6860, 90_000),
    old_apu(0x15dd, 90_002),
    card(0x66af, VEGA20),
    in_hive(0x66a1, VEGA20),
    in_hive(0x738c, 90_008),
    in_hive(0x740f, 90_010),
    // MI250X and MI300A: coherent host access is the truth of them (bit 28).
    Generation {
        cpu_link: CpuLink::Xgmi,
        capability: 0x3c67_a280,
        ..in_hive(0x7408, 90_010)
    },
    in_hive(0x74a1, 90_402),
    Generation {
        apu: true,
        cpu_link: CpuLink::Package,
        capability: 0x3c67_a280,
        ..in_hive(0x74a0, 90_402)
    },
    in_hive(0x75a0, 90_500),
    // All of these are Navi10, and none is the device that is judged.
    card(0x7310, 100_100),
    card(0x7312, 100_100),
    card(0x731b, 100_100),
    card(0x731e, 100_100),
    card(0x7360, 100_101),
    card(0x7340, 100_102),
    card(0x73bf, 100_300),
    card(0x73df, 100_301),
    card(0x73ff, 100_302),
    apu(0x164e, 100_306),
    card(0x744c, 110_000),
    apu(0x15bf, 110_003),
    apu(0x1586, 110_501),
    card(0x7590, 120_000),
    card(0x7550, 120_001),
];

/// Any of them, and more often than by chance the one that is judged.
pub fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![2 => Just(NAVI10), 3 => select(&OTHERS[..])]
}
