// SPDX-License-Identifier: GPL-2.0

//! The log lines when the module is loaded.

use kernel::prelude::*;

use crate::{
    facts::prelude::*,
    readers::Detail,
    rules::*,
    text::Known, //
};

use super::state::State;

/// Logs a line for each card, and lines for a missing KFD or card.
pub(super) fn report(state: &State) {
    let Ok(snapshot) = state.observe(Detail::RuleFacts, Tally::default()) else {
        pr_warn!("no memory to look at the cards; every read looks again\n");
        return;
    };
    if snapshot.kfd == Presence::Absent {
        pr_info!(
            "KFD shows no topology: amdgpu is not loaded, or has no KFD; nothing is lost, every \
             read looks again\n"
        );
    }
    if snapshot.cards().next().is_none() {
        pr_info!("no 0x731f card on the PCI bus, and none in KFD\n");
    }
    for card in snapshot.cards() {
        let verdict = card_verdict(&snapshot, card);
        let (what, verdict) = match card.presence {
            Presence::Absent => ("not in KFD", ""),
            Presence::Unreadable => ("KFD is unreadable", ""),
            // The announcement has logged this lie and its rules, as the card's address is known.
            Presence::Present if verdict == Verdict::Lie && card.address.is_some() => continue,
            Presence::Present => ("what KFD says of it: ", verdict.name()),
        };
        let address = Known(card.address);
        pr_info!(
            "{}: 0x731f, {}{}\n",
            format_args!("{address}"),
            what,
            verdict
        );
    }
}
