// SPDX-License-Identifier: GPL-2.0

//! Walks over KFD's topology until the result can be trusted.
//!
//! KFD publishes a node before filling it in, removes a node piece by piece, and rebuilds all nodes
//! when it adds or removes one. It raises its generation count only after a change has begun. So
//! `observe` repeats a walk that met a change in progress. It reports a mismatch only if two walks
//! in a row, with a pause between them, see the same topology.

use crate::{
    facts::{
        prelude::*,
        scan::*, //
    },
    rules::*, //
};

/// The most walks in one observation. Facts that are still in doubt after the last become unknown.
///
/// The pauses of [`Topology::wait`] double. The last walk therefore runs well after a change that
/// the first walk met.
pub const ATTEMPTS: u32 = 6;

/// Reads all facts, in up to [`ATTEMPTS`] walks.
///
/// `bus` is `None` if the PCI core cannot be asked. Fails only if memory runs out.
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
        if walked.stable && !doubts || attempt >= ATTEMPTS {
            if !walked.stable || doubts {
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

/// Whether a mismatch is still unconfirmed. In the last walk, its card becomes unknown.
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

/// The first card with a mismatch that only one walk has seen.
fn doubted(walked: &Walked, earlier: Option<&Walked>) -> Option<Card> {
    let is_doubted = |card: &&Card| {
        needs_another_look(&walked.snapshot, card)
            && !earlier.is_some_and(|earlier| is_same(earlier, walked, card))
    };
    walked.snapshot.cards().find(is_doubted).copied()
}

/// Whether KFD's topology looks wrong: a lie, or no node for a card that amdgpu has finished
/// probing.
fn needs_another_look(snapshot: &Snapshot, card: &Card) -> bool {
    let left_out = card.presence == Presence::Absent
        && snapshot.kfd == Presence::Present
        && card.has_render_node();
    left_out || card_verdict(snapshot, card) == Verdict::Lie
}

/// Makes the verdict on a card unknown.
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

/// Whether two walks saw the same generation, nodes, banks and presence of the card.
#[inline(never)] // Keeps the caller's code small.
fn is_same(earlier: &Walked, later: &Walked, card: &Card) -> bool {
    let (before, after) = (&earlier.snapshot, &later.snapshot);
    let other = before.cards.get(&card.key);
    earlier.generation == later.generation
        && other.is_some_and(|other| other.presence == card.presence)
        && before.nodes.values().eq(after.nodes.values())
        && before.banks.values().eq(after.banks.values())
}
