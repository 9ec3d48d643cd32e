// SPDX-License-Identifier: GPL-2.0

//! Observes until what is seen can be believed.
//!
//! KFD shows a node before it has filled it in, takes it away piece by piece, rebuilds all nodes when
//! one comes or goes, and counts a change after it has begun. So a walk that met KFD in the middle of
//! something is done again, and what would be held against KFD is believed only when a later walk,
//! after a pause, sees the very same of that card.

use crate::{
    facts::{
        prelude::*,
        scan::*, //
    },
    rules::*, //
};

/// How often the topology is walked over before what was met is taken as unknown.
///
/// The pauses of [`Topology::wait`] double, so that the last walk is well after KFD has done what it
/// was doing at the first.
pub const ATTEMPTS: u32 = 6;

/// Reads all facts, as often as it takes.
///
/// `bus` is `None` where the PCI core can't be asked. Fails only for want of memory.
pub fn observe<T: Topology, B: PciBus>(
    topology: &mut T,
    mut bus: Option<&mut B>,
    tally: &mut Tally,
) -> Result<Snapshot, OutOfMemory> {
    let mut earlier: Option<Walked> = None;
    let mut attempt = 1;
    loop {
        let mut walked = walk(topology, bus.as_deref_mut(), tally)?;
        let doubts = doubt(&mut walked, earlier.as_ref(), attempt >= ATTEMPTS);
        if walked.calm && !doubts || attempt >= ATTEMPTS {
            if !walked.calm || doubts {
                bump(&mut tally.unstable_scans);
            }
            add(&mut tally.cards, count(walked.snapshot.cards()));
            add(&mut tally.banks, count(walked.snapshot.banks.values()));
            return Ok(walked.snapshot);
        }
        bump(&mut tally.retries);
        topology.wait(attempt);
        attempt = attempt.saturating_add(1);
        earlier = Some(walked);
    }
}

/// Whether there is a card that needs another look, and that the earlier walk did not see the same.
/// In the last walk such a card becomes unknown.
fn doubt(walked: &mut Walked, earlier: Option<&Walked>, last: bool) -> bool {
    let mut doubts = false;
    while let Some(card) = doubted(walked, earlier) {
        doubts = true;
        if !last {
            break;
        }
        give_up(&mut walked.snapshot, card);
    }
    doubts
}

/// The first card of which there is something to hold against KFD that only one walk has seen.
fn doubted(walked: &Walked, earlier: Option<&Walked>) -> Option<Card> {
    let is_doubted = |card: &&Card| {
        needs_another_look(&walked.snapshot, card)
            && !earlier.is_some_and(|earlier| is_same(earlier, walked, card))
    };
    walked.snapshot.cards().find(is_doubted).copied()
}

/// Whether something would be held against KFD: a lie, or that it left out a card that amdgpu has
/// finished to probe.
fn needs_another_look(snapshot: &Snapshot, card: &Card) -> bool {
    let left_out = card.presence == Presence::Absent
        && snapshot.kfd == Presence::Present
        && card.has_render_node();
    left_out || card_verdict(snapshot, card) == Verdict::Lie
}

/// Takes back what was concluded of a card.
fn give_up(snapshot: &mut Snapshot, card: Card) {
    let nodes = snapshot.nodes.values_mut();
    for node in nodes.filter(|node| node.card == Some(card.key)) {
        node.basis = Basis::Nothing;
    }
    match snapshot.cards.get_mut(&card.key) {
        Some(card) if card.presence == Presence::Absent => card.presence = Presence::Unreadable,
        _ => (),
    }
}

/// Whether two walks saw the same of a card and of all nodes, while KFD counted no change.
#[inline(never)] // Small where it is called.
fn is_same(earlier: &Walked, later: &Walked, card: &Card) -> bool {
    let (before, after) = (&earlier.snapshot, &later.snapshot);
    let other = before.cards.get(&card.key);
    earlier.generation == later.generation
        && other.is_some_and(|other| other.presence == card.presence)
        && before.nodes.values().eq(after.nodes.values())
        && before.banks.values().eq(after.banks.values())
}
