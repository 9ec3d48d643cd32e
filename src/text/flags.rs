// SPDX-License-Identifier: GPL-2.0

//! The file `flags`: each card's hardware, beside KFD's claims about it.

use core::fmt;

use crate::{
    facts::prelude::*,
    rules::*,
    uapi, //
};

use super::record::*;

/// Writes `flags`: for each card, the claims of the node that decides its verdict.
pub fn flags(snapshot: &Snapshot, out: &mut dyn fmt::Write) -> fmt::Result {
    heading(out, "flags")?;
    for card in snapshot.cards() {
        let truth = snapshot.is_navi10(card);
        let node = worst_node(snapshot, card);
        let claims = node.unwrap_or(&Node::ABSENT);
        let properties = &claims.properties;
        let banks = snapshot.banks_of(claims);
        let flag = uapi::HSA_MEM_FLAGS_HOT_PLUGGABLE.into();
        let hot_pluggable = banks
            .map(|bank| bank.properties.flags().has(flag))
            .reduce(either)
            .flatten();
        let gfx = truth.then_some(Value::Known(GFX1010));
        let mut record = Record::of(card, out);
        record.node(node);
        record.flag("coarse_grained_only", truth.then_some(true));
        record.flag("fine_grained_vram", truth.then_some(false));
        record.flag("hot_pluggable_vram", truth.then_some(false));
        record.flag("xgmi", truth.then_some(false));
        record.flag("host_coherent", truth.then_some(false));
        record.number("gfx", gfx.unwrap_or(Value::Unreadable));
        record.flag("claimed_hot_pluggable", hot_pluggable);
        record.flag("claimed_xgmi", xgmi_of(claims));
        let coherent = uapi::HSA_CAP_FLAGS_COHERENTHOSTACCESS.into();
        record.flag(
            "claimed_host_coherent",
            properties.capability().has(coherent),
        );
        record.number("claimed_gfx", properties.gfx_target_version());
        record.word("verdict", card_verdict(snapshot, card).name());
        record.end()?;
    }
    Ok(())
}

/// Whether a node claims XGMI, by a hive, an engine or a link.
fn xgmi_of(node: &Node) -> Option<bool> {
    let claims = |value: Value| value.has(u64::MAX);
    let hive = claims(node.properties.hive_id());
    let engines = claims(node.properties.num_sdma_xgmi_engines());
    either(hive, either(engines, claims(node.links.xgmi)))
}

/// Whether either is set; unknown if neither is set and one is unknown.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}
