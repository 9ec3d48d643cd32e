// SPDX-License-Identifier: GPL-2.0

//! Builds every kind of request to KFD, for the tests of `rdna1ctl requests`.

use kfd_uapi as uapi;

use crate::ask::Request;

/// In bytes; no test depends on this size.
pub const SIZE: u64 = 65536;

/// A request for memory.
pub fn alloc(gpu_id: u32, flags: u32) -> Request {
    Request::Alloc {
        gpu_id,
        flags,
        size: SIZE,
    }
}

/// Every kind of request; each kind that has a gpu_id is made for each of `gpu_ids`.
pub fn every_kind(gpu_ids: &[u32]) -> Vec<Request> {
    const HEAPS: [u32; 7] = [
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_USERPTR,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP,
        0,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT | uapi::KFD_IOC_ALLOC_MEM_FLAGS_USERPTR,
    ];
    const GRAINS: [u32; 4] = [
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM,
    ];
    let mut all = Vec::new();
    for &gpu_id in gpu_ids {
        for heap in HEAPS {
            for set in 0..16 {
                let grains = GRAINS
                    .into_iter()
                    .zip(0..)
                    .filter(|(_, bit)| set >> bit & 1 != 0);
                let grain = grains.fold(0, |flags, (flag, _)| flags | flag);
                // Flags that do not affect the grain.
                let more = uapi::KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE
                    | uapi::KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE;
                all.push(alloc(
                    gpu_id,
                    heap | grain | if set & 2 != 0 { more } else { 0 },
                ));
            }
        }
        for default in [0, 1, 2] {
            for alternate in [0, 1, u32::MAX] {
                all.push(Request::Policy {
                    gpu_id,
                    default,
                    alternate,
                });
            }
        }
        for kind in [0, 1, 2, 3, 4, 5, u32::MAX] {
            all.push(Request::Queue { gpu_id, kind });
        }
    }
    let svm = |op, attributes: &[(u32, u32)]| Request::Svm {
        op,
        size: SIZE,
        attributes: attributes.to_vec(),
    };
    for op in [0, 1, 2, u32::MAX] {
        all.push(svm(op, &[]));
        for flags in [0, 0x2, 0x80, 0x82, 0x7d, u32::MAX] {
            all.push(svm(op, &[(5, flags)]));
            all.push(svm(op, &[(6, flags), (0, 7)]));
        }
        let kinds: Vec<_> = (0..12).chain([u32::MAX]).map(|kind| (kind, 2)).collect();
        all.push(svm(op, &kinds));
        // As many attributes as fit into the size of an ioctl.
        all.push(svm(op, &[(2, 1); 2044]));
    }
    all
}
