// SPDX-License-Identifier: GPL-2.0

//! Announces a card whose verdict becomes lie, once.
//!
//! A uevent of the module's own kobject: udev and anything else that listens to uevents gets it
//! without polling, and nothing has to be created that others could mistake for hardware.

use kernel::{
    prelude::*,
    str::CString, //
};

use crate::{
    facts::prelude::*,
    raw::uevent,
    rules::*, //
};

/// The cards that lie, as far as has been announced.
pub(super) struct Announced {
    /// By address, as [`CardKey::OnBus`] wherever it is known from.
    liars: Map<CardKey, Card>,
    /// Of the observation that it is from.
    stamp: u64,
}

impl Announced {
    /// None yet.
    pub(super) fn none() -> Self {
        Self {
            liars: Map::new(),
            stamp: 0,
        }
    }

    /// Takes in an observation; calls `each` for every card that has become a liar since.
    ///
    /// `has_lies` says whether any card of it lies. `stamp` says in which order observations began: one
    /// that was overtaken says nothing new. An unknown changes nothing, nor that KFD does not list a
    /// card that amdgpu drives: KFD takes all nodes away for a moment when it adds one.
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
        // From here on nothing fails: what is announced now must not be announced again.
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

/// Sends the event, and a line to the log.
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
