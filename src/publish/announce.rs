// SPDX-License-Identifier: GPL-2.0

//! Announces a card once when its verdict becomes lie.
//!
//! The announcement is a uevent of the module's own kobject. udev and other listeners get it
//! without polling, and the module creates nothing that others could mistake for hardware.

use kernel::{
    prelude::*,
    str::CString, //
};

use crate::{
    facts::prelude::*,
    raw::uevent,
    rules::*, //
};

/// The lying cards that are announced.
pub(super) struct Announced {
    /// By address: always [`CardKey::OnBus`], even if only KFD knows the card.
    liars: Map<CardKey, Card>,
    /// The stamp of the last observation that was taken in.
    stamp: u64,
}

impl Announced {
    pub(super) fn none() -> Self {
        Self {
            liars: Map::new(),
            stamp: 0,
        }
    }

    /// Takes in an observation; calls `each` for every card that has started to lie since.
    ///
    /// `has_lies` says whether any card lies. `stamp` orders observations by their beginning: an
    /// older one than the last is ignored. An unknown verdict changes nothing. Nor does a card that
    /// amdgpu drives and KFD does not list: KFD removes all nodes for a moment when it adds one.
    pub(super) fn update(
        &mut self,
        stamp: u64,
        snapshot: &Snapshot,
        has_lies: bool,
        mut each: impl FnMut(&Card, Address),
    ) -> Result<(), OutOfMemory> {
        if stamp < self.stamp {
            return Ok(());
        }
        if !has_lies && self.liars.values().next().is_none() {
            self.stamp = stamp;
            return Ok(());
        }
        let mut liars = Map::new();
        for card in snapshot.cards() {
            let Some(address) = card.address else {
                continue;
            };
            let place = CardKey::OnBus(address);
            let is_liar = match card_verdict(snapshot, card) {
                Verdict::Lie => true,
                Verdict::Unjudged if !card.has_render_node() => false,
                Verdict::Unknown | Verdict::Unjudged => self.liars.get(&place).is_some(),
                Verdict::Truth => false,
            };
            if is_liar {
                insert(&mut liars, place, *card)?;
            }
        }
        // Nothing fails from here on, so no card is announced twice.
        for (place, card) in liars.iter() {
            if let (Some(address), None) = (card.address, self.liars.get(place)) {
                each(card, address);
            }
        }
        self.liars = liars;
        self.stamp = stamp;
        Ok(())
    }
}

/// Logs the lie and sends the uevent.
pub(super) fn send(snapshot: &Snapshot, card: &Card, address: Address) -> Result {
    let names = RuleNames {
        snapshot,
        card,
        about: About::Card,
        verdicts: &[Verdict::Lie],
    };
    pr_warn!(
        "{}: KFD's topology does not match the hardware ({}): see rdna1/checks in debugfs\n",
        format_args!("{address}"),
        format_args!("{names}")
    );
    uevent::change([
        CString::try_from_fmt(fmt!("RDNA1_GPU={}", format_args!("{address}")))?,
        CString::try_from_fmt(fmt!("RDNA1_VERDICT=lie"))?,
        CString::try_from_fmt(fmt!("RDNA1_RULES={}", format_args!("{names}")))?,
    ])
}
