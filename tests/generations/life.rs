// SPDX-License-Identifier: GPL-2.0

//! amdgpu's hold on a GPU: from its probe until the last program closes the render node.

use super::{
    board::Gpu,
    machine::Place, //
};

#[derive(Clone, Debug)]
pub struct Life {
    /// Tells it from all others.
    pub id: u32,
    pub gpu: Gpu,
    pub place: Place,
    /// The NUMA node that the firmware names for the function.
    pub numa: Option<u32>,
    /// What the CPU can reach of VRAM.
    pub visible_bytes: u64,
    /// amdgpu treats the BAR as large, whatever it is.
    pub simulates_large_bar: bool,
    /// The number of the render node.
    pub minor: u32,
    /// The reader's devices cgroup forbids the render node, and KFD what belongs to it.
    pub is_denied: bool,
}

impl Life {
    /// Whether the CPU reaches all VRAM (`amdgpu_device_is_peer_accessible()`).
    pub fn reaches_all(&self) -> bool {
        self.visible_bytes == self.gpu.vram_bytes
    }

    /// `kfd_dev_is_large_bar()`.
    pub fn is_large_bar(&self) -> bool {
        self.simulates_large_bar || self.reaches_all()
    }

    /// The type and the size of the one bank (`kfd_create_vcrat_image_gpu()`).
    pub fn bank(&self) -> (u64, u64) {
        if self.is_large_bar() {
            (1, self.visible_bytes)
        } else {
            (2, self.gpu.vram_bytes)
        }
    }

    /// `kfd->hive_id`.
    pub fn hive(&self) -> u64 {
        match self.gpu.generation.hive {
            true => self.gpu.generation.device.into(),
            false => 0,
        }
    }
}
