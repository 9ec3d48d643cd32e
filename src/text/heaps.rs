// SPDX-License-Identifier: GPL-2.0

//! The file `heaps`: a record for each memory bank of each card's node.

use core::fmt;

use crate::{
    facts::prelude::*,
    rules::*, //
};

use super::record::*;

/// Writes `heaps`.
pub fn heaps(snapshot: &Snapshot, out: &mut dyn fmt::Write) -> fmt::Result {
    heading(out, "heaps")?;
    for card in snapshot.cards() {
        let truth = snapshot.is_navi10(card);
        for node in snapshot.nodes_of(card) {
            for bank in snapshot.banks_of(node) {
                let properties = &bank.properties;
                let about = About::Bank(node, bank);
                let mut record = Record::of(card, out);
                record.node(Some(node));
                record.number_known("bank", bank.number);
                record.show("heap", &Heap(properties.heap_type()));
                record.number("size_bytes", properties.size_in_bytes());
                record.number("width_bits", properties.width());
                record.number("mem_clk_max_mhz", properties.mem_clk_max());
                record.hex("flags", properties.flags());
                record.flag("coarse_grained_only", truth.then_some(true));
                record.flag("fine_grained", truth.then_some(false));
                record.word("verdict", verdict(snapshot, card, about).name());
                let rules = RuleNames {
                    snapshot,
                    card,
                    about,
                    verdicts: &[Verdict::Lie, Verdict::Unknown],
                };
                record.show("rules", &rules);
                record.end()?;
            }
        }
    }
    Ok(())
}
