// SPDX-License-Identifier: GPL-2.0

//! Observes until what is seen can be believed.
//!
//! KFD shows a node before it has filled it in, takes it away piece by piece, and counts a change
//! after it has begun. So a walk that met KFD in the middle of something is done again, and a lie is
//! believed only when a later walk, after a pause, sees the very same.

use crate::{
    facts::{
        map::{
            count,
            Maps,
            OutOfMemory, //
        },
        pci::PciBus,
        scan::{
            walk,
            Walked, //
        },
        snapshot::Snapshot,
        tally::{
            add,
            bump,
            Tally, //
        },
        topology::Topology, //
    },
    rules::{
        card_verdict,
        Verdict, //
    }, //
};

/// How often the topology is walked over before what was met is taken as unknown.
///
/// The pauses of [`Topology::wait`] double, so that the last walk is well after KFD has done what it
/// was doing at the first.
pub const ATTEMPTS: u32 = 6;

/// Reads all facts, as often as it takes.
///
/// `bus` is `None` where the PCI core can't be asked. Fails only for want of memory.
pub fn observe<M: Maps, T: Topology, B: PciBus>(
    topology: &mut T,
    mut bus: Option<&mut B>,
    tally: &mut Tally,
) -> Result<Snapshot<M>, OutOfMemory> {
    let mut earlier: Option<Walked<M>> = None;
    let mut attempt = 1;
    loop {
        let mut walked = walk::<M, T, B>(topology, bus.as_deref_mut(), tally)?;
        let confirmed = earlier
            .as_ref()
            .is_some_and(|earlier| same(earlier, &walked));
        let believed = walked.calm && (confirmed || !has_lie(&walked.snapshot));
        if believed || attempt >= ATTEMPTS {
            if !believed {
                bump(&mut tally.unstable_scans);
                unsettle(&mut walked.snapshot);
            }
            add(&mut tally.cards, count(walked.snapshot.cards()));
            add(&mut tally.banks, count(walked.snapshot.banks()));
            return Ok(walked.snapshot);
        }
        bump(&mut tally.retries);
        topology.wait(attempt);
        attempt = attempt.saturating_add(1);
        earlier = Some(walked);
    }
}

fn has_lie<M: Maps>(snapshot: &Snapshot<M>) -> bool {
    snapshot
        .cards()
        .any(|(key, card)| card_verdict(snapshot, key, card) == Verdict::Lie)
}

/// Whether two walks saw the same, calmly.
fn same<M: Maps>(one: &Walked<M>, other: &Walked<M>) -> bool {
    one.calm
        && other.calm
        && one.generation == other.generation
        && one.snapshot.cards().eq(other.snapshot.cards())
        && one.snapshot.banks().eq(other.snapshot.banks())
}

/// A lie that would not keep still is unknown.
fn unsettle<M: Maps>(snapshot: &mut Snapshot<M>) {
    if has_lie(snapshot) {
        snapshot.unsettle();
    }
}
