// SPDX-License-Identifier: GPL-2.0

//! Names of heaps.

use core::fmt;

use crate::{
    facts::value::Value,
    uapi, //
};

/// The name of a heap type, `other(N)` for one that `kfd_sysfs.h` does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap(pub Value);

impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(heap_type) = self.0.known() else {
            return self.0.fmt(f);
        };
        let name = match u32::try_from(heap_type) {
            Ok(uapi::HSA_MEM_HEAP_TYPE_SYSTEM) => "system",
            Ok(uapi::HSA_MEM_HEAP_TYPE_FB_PUBLIC) => "fb_public",
            Ok(uapi::HSA_MEM_HEAP_TYPE_FB_PRIVATE) => "fb_private",
            Ok(uapi::HSA_MEM_HEAP_TYPE_GPU_GDS) => "gds",
            Ok(uapi::HSA_MEM_HEAP_TYPE_GPU_LDS) => "lds",
            Ok(uapi::HSA_MEM_HEAP_TYPE_GPU_SCRATCH) => "scratch",
            _ => return write!(f, "other({heap_type})"),
        };
        f.write_str(name)
    }
}
