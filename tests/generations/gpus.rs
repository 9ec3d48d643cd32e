// SPDX-License-Identifier: GPL-2.0

//! GPUs that KFD supports, a few of each generation.
//!
//! Device ids are from `amdgpu_drv.c` (`pciidlist`), ISA versions from `kfd_device.c`
//! (`kgd2kfd_probe()`). The capabilities are guesses, except bit 28.

use proptest::{
    prelude::*,
    sample::select, //
};

/// How a GPU reaches its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuLink {
    PciExpress,
    /// Over XGMI (`gmc.xgmi.connected_to_cpu`). Other GPUs cannot reach it over PCI Express.
    Xgmi,
    /// Over XGMI within one package. Other GPUs can reach it over PCI Express.
    Package,
}

/// A kind of GPU.
#[derive(Clone, Debug)]
pub struct Generation {
    pub device: u16,
    pub gfx: u32,
    /// An APU that older kernels read from the firmware's table, in one node with the CPU's cores.
    pub in_cpu_node: bool,
    /// The CPU reaches all of its memory with any BAR.
    pub apu: bool,
    /// All GPUs of this generation form one XGMI hive.
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

/// The device that the module judges.
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
    // MI250X and MI300A really have coherent host access (bit 28).
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
    // Navi10 devices that the module does not judge.
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

/// Any generation. Two of five draws give the judged one.
pub fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![2 => Just(NAVI10), 3 => select(&OTHERS[..])]
}
