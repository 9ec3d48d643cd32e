// SPDX-License-Identifier: GPL-2.0

//! A GPU's life under amdgpu: from the probe until the last program closes the render node.

use super::{
    board::Gpu,
    machine::Place, //
};

#[derive(Clone, Debug)]
pub struct Life {
    /// Unique among all lives.
    pub id: u32,
    pub gpu: Gpu,
    pub place: Place,
    /// The NUMA node of the function, according to the firmware.
    pub numa: Option<u32>,
    /// The VRAM that the CPU reaches.
    pub visible_bytes: u64,
    /// amdgpu treats any BAR as large.
    pub simulates_large_bar: bool,
    /// The minor number of the render node.
    pub minor: u32,
    /// The reader's devices cgroup forbids the render node, so KFD denies access to its files.
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

    /// The heap type and the size of the GPU's bank (`kfd_create_vcrat_image_gpu()`).
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
