// SPDX-License-Identifier: GPL-2.0

//! Rule hive-id: the card belongs to no XGMI hive.
//!
//! Navi10 has no XGMI. A hive id makes ROCr offer a fine-grained VRAM pool
//! (`GpuAgent::InitRegionList()`, `amd_gpu_agent.cpp` of ROCR-Runtime).

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::hex(0),
        evidence.node.properties.hive_id(),
        Shown::Hex,
        |hive| hive == 0,
    ))
}
