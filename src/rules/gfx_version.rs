// SPDX-License-Identifier: GPL-2.0

//! Rule gfx-version: KFD announces the ISA that the card runs.
//!
//! `gfx_target_version` is major * 10000 + minor * 100 + stepping (`kfd_topology_add_device()` and
//! `kfd_device_info_init()`, `drivers/gpu/drm/amd/amdkfd`). The kernel derives it from the GC IP
//! version, 10.1.10 on Navi10. Only user space reads `HSA_OVERRIDE_GFX_VERSION`, which never
//! changes it. So only a patched kernel shows another number.

use super::*;

/// gfx1010, from `kfd_device.c`: GC 10.1.10 is 100100.
pub const GFX1010: u64 = 100_100;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::number(GFX1010),
        evidence.node.properties.gfx_target_version(),
        Shown::Number,
        |version| version == GFX1010,
    ))
}
