// SPDX-License-Identifier: GPL-2.0

//! The file `heaps`: a record for each memory bank of each card's node.

use core::fmt::{
    self,
    Write, //
};

use crate::{
    facts::{
        map::Maps,
        snapshot::Snapshot,
        value::Value, //
    },
    rules::{
        verdict,
        About,
        RuleNames,
        Verdict, //
    },
    uapi, //
};

use super::record::{
    flag,
    heading,
    node_number,
    record,
    Known,
    Pair, //
};

/// Writes `heaps`.
pub fn heaps<M: Maps>(snapshot: &Snapshot<M>, out: &mut dyn Write) -> fmt::Result {
    heading(out, "heaps")?;
    for (key, card) in snapshot.cards() {
        let truth = snapshot.is_navi10(card);
        for (count, node) in snapshot.nodes_of(key) {
            for bank in snapshot.banks_of(key, count) {
                let properties = &bank.properties;
                let about = About::Bank(count, bank);
                let pairs: [Pair<'_>; 11] = [
                    ("node", &node_number(Some(node))),
                    ("bank", &Known(bank.number)),
                    ("heap", &heap_name(properties.heap_type())),
                    ("size_bytes", &properties.size_in_bytes()),
                    ("width_bits", &properties.width()),
                    ("mem_clk_max_mhz", &properties.mem_clk_max()),
                    ("flags", &properties.flags().hex()),
                    ("coarse_grained_only", &flag(truth.then_some(true))),
                    ("fine_grained", &flag(truth.then_some(false))),
                    ("verdict", &verdict(snapshot, key, about)),
                    (
                        "rules",
                        &RuleNames {
                            snapshot,
                            key,
                            about,
                            verdicts: &[Verdict::Lie, Verdict::Unknown],
                        },
                    ),
                ];
                record(out, card, &pairs)?;
            }
        }
    }
    Ok(())
}

/// The name of a heap type, `other(N)` for one that `kfd_sysfs.h` does not know.
pub fn heap_name(heap_type: Value) -> impl fmt::Display {
    HeapName(heap_type)
}

struct HeapName(Value);

impl fmt::Display for HeapName {
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
