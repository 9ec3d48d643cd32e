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
    facts::{
        map::{
            Map as _,
            OutOfMemory, //
        },
        pci::Address,
        snapshot::Snapshot, //
    },
    raw::uevent,
    readers::{
        Kernel,
        Tree, //
    },
    rules::{
        card_verdict,
        About,
        RuleNames,
        Verdict, //
    },
};

use super::log::Place;

/// The cards that lie, as far as has been announced.
#[derive(Default)]
pub(super) struct Announced {
    /// By address. The key is not used: it spares another kind of map.
    liars: Tree<Address, u32>,
    /// Of the observation that it is from.
    stamp: u64,
}

impl Announced {
    /// Takes in an observation; calls `each` for every card that has become a liar since.
    ///
    /// `stamp` tells in which order observations began: one that was overtaken says nothing new. An
    /// unknown changes nothing: it may be the reader's own, who is not allowed to look.
    pub(super) fn update(
        &mut self,
        stamp: u64,
        snapshot: &Snapshot<Kernel>,
        mut each: impl FnMut(u32, Address),
    ) -> Result<(), OutOfMemory> {
        if stamp < self.stamp {
            return Ok(());
        }
        let mut liars = Tree::default();
        for (key, card) in snapshot.cards() {
            let Some(address) = card.address else {
                continue;
            };
            let is = match card_verdict(snapshot, key) {
                Verdict::Lie => true,
                Verdict::Unknown => self.liars.get(&address).is_some(),
                Verdict::Truth | Verdict::Unjudged => false,
            };
            if is {
                liars.insert(address, key)?;
            }
        }
        // From here on nothing fails: what is announced now must not be announced again.
        for (key, card) in snapshot.cards() {
            match card.address {
                Some(address)
                    if liars.get(&address).is_some() && self.liars.get(&address).is_none() =>
                {
                    each(key, address);
                }
                _ => (),
            }
        }
        self.liars = liars;
        self.stamp = stamp;
        Ok(())
    }
}

/// Sends the event, and a line to the log.
pub(super) fn send(snapshot: &Snapshot<Kernel>, key: u32, address: Address) -> Result {
    let names = RuleNames {
        snapshot,
        key,
        about: About::Card,
        verdicts: &[Verdict::Lie],
    };
    let place = Place(Some(address));
    pr_warn!(
        "{}: KFD's topology does not match the hardware ({}): see rdna1/checks in debugfs\n",
        place,
        format_args!("{names}")
    );
    uevent::change(&[
        CString::try_from_fmt(fmt!("RDNA1_GPU={}", place))?,
        CString::try_from_fmt(fmt!("RDNA1_VERDICT=lie"))?,
        CString::try_from_fmt(fmt!("RDNA1_RULES={}", format_args!("{names}")))?,
    ])
}
