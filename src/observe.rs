// SPDX-License-Identifier: GPL-2.0

//! Observes until what is seen can be believed.
//!
//! KFD shows a node before it has filled it in, takes it away piece by piece, rebuilds all nodes when
//! one comes or goes, and counts a change after it has begun. So a walk that met KFD in the middle of
//! something is done again, and what would be held against KFD is believed only when a later walk,
//! after a pause, sees the very same of that card.

use crate::{
    facts::{
        map::{
            count,
            Map,
            Maps,
            OutOfMemory, //
        },
        node::Basis,
        pci::{
            Driver,
            Function,
            Id,
            PciBus,
            RenderNode, //
        },
        scan::{
            walk,
            Walked, //
        },
        snapshot::{
            Card,
            Presence,
            Snapshot, //
        },
        tally::{
            add,
            bump,
            Tally, //
        },
        topology::Topology,
        value::Value, //
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
fn doubt<M: Maps>(walked: &mut Walked<M>, earlier: Option<&Walked<M>>, last: bool) -> bool {
    let mut doubts = false;
    let mut key = 0;
    while let Some(&card) = walked.snapshot.cards.get(&key) {
        let confirmed = earlier.is_some_and(|earlier| same(earlier, walked, key));
        if !confirmed && needs_another_look(&walked.snapshot, key, &card) {
            doubts = true;
            if last {
                give_up(&mut walked.snapshot, key, &card);
            }
        }
        key = key.saturating_add(1);
    }
    doubts
}

/// Whether something would be held against KFD: a lie, or that it left out a card that amdgpu has
/// finished to probe.
fn needs_another_look<M: Maps>(snapshot: &Snapshot<M>, key: u32, card: &Card) -> bool {
    let left_out = card.presence == Presence::Absent
        && snapshot.kfd == Presence::Present
        && card
            .function
            .is_some_and(|function| matches!(function.render_node, RenderNode::Minor(_)));
    left_out || card_verdict(snapshot, key) == Verdict::Lie
}

/// Takes back what was concluded of a card.
fn give_up<M: Maps>(snapshot: &mut Snapshot<M>, key: u32, card: &Card) {
    for count in 0..card.nodes {
        if let Some(node) = snapshot.nodes.get_mut(&(key, count)) {
            node.basis = Basis::Nothing;
        }
    }
    match snapshot.cards.get_mut(&key) {
        Some(card) if card.presence == Presence::Absent => card.presence = Presence::Unreadable,
        _ => (),
    }
}

/// Whether two walks saw the same of a card, while KFD counted no change.
fn same<M: Maps>(earlier: &Walked<M>, later: &Walked<M>, key: u32) -> bool {
    let (Some(one), Some(other)) = (
        earlier.snapshot.cards.get(&key),
        later.snapshot.cards.get(&key),
    ) else {
        return false;
    };
    let nodes = || later.snapshot.nodes_of(key);
    let same_banks = |(count, _)| {
        let banks = earlier.snapshot.banks_of(key, count);
        banks.eq(later.snapshot.banks_of(key, count))
    };
    earlier.generation == later.generation
        && (one.address, one.presence, one.nodes) == (other.address, other.presence, other.nodes)
        && one.function.map(compared) == other.function.map(compared)
        && earlier.snapshot.nodes_of(key).eq(nodes())
        && nodes().all(same_banks)
}

/// What of a function its node is compared with.
fn compared(function: Function) -> (Id, Driver, RenderNode, Value, Value) {
    (
        function.id,
        function.driver,
        function.render_node,
        function.bar0_bytes,
        function.vram_total_bytes,
    )
}
