// SPDX-License-Identifier: GPL-2.0

//! The file `flags`: what each card's hardware is, beside what KFD claims of it.

use core::fmt::{
    self,
    Write, //
};

use crate::{
    facts::{
        map::Maps,
        node::Node,
        snapshot::Snapshot,
        value::Value, //
    },
    rules::{
        card_verdict,
        worst_node,
        GFX1010, //
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

/// Writes `flags`: for each card the claims of the node that its verdict is drawn from.
pub fn flags<M: Maps>(snapshot: &Snapshot<M>, out: &mut dyn Write) -> fmt::Result {
    heading(out, "flags")?;
    for (key, card) in snapshot.cards() {
        let truth = snapshot.is_navi10(card);
        let worst = worst_node(snapshot, key);
        let node = worst.map(|(_, node)| node);
        let claims = node.map(Claims::of).unwrap_or_default();
        let banks = worst.map(|(count, _)| snapshot.banks_of(key, count));
        let hot_pluggable = any(banks.into_iter().flatten().map(|bank| {
            bank.properties
                .flags()
                .has(uapi::HSA_MEM_FLAGS_HOT_PLUGGABLE.into())
        }));
        let pairs: [Pair<'_>; 12] = [
            ("node", &node_number(node)),
            ("coarse_grained_only", &flag(truth.then_some(true))),
            ("fine_grained_vram", &flag(truth.then_some(false))),
            ("hot_pluggable_vram", &flag(truth.then_some(false))),
            ("xgmi", &flag(truth.then_some(false))),
            ("host_coherent", &flag(truth.then_some(false))),
            ("gfx", &Known(truth.then_some(GFX1010))),
            ("claimed_hot_pluggable", &flag(hot_pluggable)),
            ("claimed_xgmi", &flag(claims.xgmi)),
            ("claimed_host_coherent", &flag(claims.host_coherent)),
            ("claimed_gfx", &claims.gfx),
            ("verdict", &card_verdict(snapshot, key)),
        ];
        record(out, card, &pairs)?;
    }
    Ok(())
}

/// What a node claims of its card.
#[derive(Default)]
struct Claims {
    xgmi: Option<bool>,
    host_coherent: Option<bool>,
    gfx: Value,
}

impl Claims {
    fn of(node: &Node) -> Self {
        let properties = &node.properties;
        Self {
            // A hive, an engine or a link: each is a claim of XGMI.
            xgmi: any([
                properties.hive_id().has(u64::MAX),
                properties.num_sdma_xgmi_engines().has(u64::MAX),
                node.links.xgmi.has(u64::MAX),
            ]),
            host_coherent: properties
                .capability()
                .has(uapi::HSA_CAP_FLAGS_COHERENTHOSTACCESS.into()),
            gfx: properties.gfx_target_version(),
        }
    }
}

/// Whether any is set; not known if none is and one is not known, or there are none.
fn any(flags: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    flags
        .into_iter()
        .reduce(|one, other| match (one, other) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        })
        .flatten()
}
