// SPDX-License-Identifier: GPL-2.0

//! The file `heaps`: a record for each memory bank of each card's node.

use core::fmt::{
    self,
    Write, //
};

use crate::{
    facts::{
        map::Maps,
        snapshot::{
            Bank,
            Card,
            Snapshot, //
        },
        value::Value, //
    },
    rules::{
        heap_verdict,
        write_names,
        Finding, //
    },
    uapi, //
};

use super::record::{
    flag,
    heading,
    node_number,
    Known,
    Record, //
};

/// Writes `heaps`.
pub fn heaps<M: Maps>(snapshot: &Snapshot<M>, out: &mut impl Write) -> fmt::Result {
    heading(out, "heaps")?;
    for (key, card) in snapshot.cards() {
        for bank in snapshot.banks_of(key) {
            heap(snapshot, key, card, bank, out)?;
        }
    }
    Ok(())
}

fn heap<M: Maps>(
    snapshot: &Snapshot<M>,
    key: u32,
    card: &Card,
    bank: &Bank,
    out: &mut impl Write,
) -> fmt::Result {
    let properties = &bank.properties;
    let truth = snapshot.is_navi10(card);
    let mut record = Record::of_card(out, card)?
        .pair("node", node_number(card))?
        .pair("bank", Known(bank.number))?
        .pair("heap", heap_name(properties.heap_type))?
        .pair("size_bytes", properties.size_in_bytes)?
        .pair("width_bits", properties.width)?
        .pair("mem_clk_max_mhz", properties.mem_clk_max)?
        .pair("flags", properties.flags.hex())?
        .pair("coarse_grained_only", flag(truth.then_some(true)))?
        .pair("fine_grained", flag(truth.then_some(false)))?
        .pair("verdict", heap_verdict(snapshot, key, card, bank))?
        .open("rules")?;
    let fails = |finding: &Finding<'_>| finding.concerns(bank) && finding.fails();
    write_names(snapshot, key, card, fails, record.out())?;
    record.end()
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
