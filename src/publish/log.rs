// SPDX-License-Identifier: GPL-2.0

//! What the log says when the module is loaded.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    facts::{
        pci::Address,
        snapshot::Presence,
        tally::Tally, //
    },
    readers::Detail,
    rules::{
        card_verdict,
        Verdict, //
    },
};

use super::state::State;

/// Writes a line for each card, or one that says what is missing.
pub(super) fn report(state: &State) -> Result {
    let snapshot = state
        .observe(Detail::Compared, Tally::default())
        .map_err(|_| ENOMEM)?;
    if snapshot.kfd == Presence::Absent {
        pr_info!(
            "KFD shows no topology: amdgpu is not loaded, or has no KFD; nothing is lost, every \
             read looks again\n"
        );
    }
    if snapshot.cards().next().is_none() {
        pr_info!("no 0x731f card on the PCI bus, and none in KFD\n");
    }
    for (key, card) in snapshot.cards() {
        let verdict = card_verdict(&snapshot, key);
        let name = Place(card.address);
        match (card.presence, verdict) {
            (Presence::Absent, _) => pr_info!("{}: 0x731f, not in KFD\n", name),
            (Presence::Unreadable, _) => pr_warn!("{}: 0x731f, KFD is unreadable\n", name),
            // Announced already, with the rules; but not one whose place is not known.
            (Presence::Present, Verdict::Lie) if card.address.is_some() => (),
            (Presence::Present, verdict) => pr_info!(
                "{}: 0x731f, what KFD says of it: {}\n",
                name,
                format_args!("{verdict}")
            ),
        }
    }
    Ok(())
}

/// Where a card sits, if that is known.
pub(super) struct Place(pub(super) Option<Address>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => core::fmt::Display::fmt(&address, f),
            None => f.write_str("?"),
        }
    }
}
