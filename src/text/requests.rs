// SPDX-License-Identifier: GPL-2.0

//! The file `requests`: what user space has asked KFD for.

use core::fmt::{
    self,
    Display,
    Write, //
};

use crate::{
    facts::{
        map::{
            count,
            Maps, //
        },
        node::Node,
        snapshot::{
            Card,
            Snapshot, //
        }, //
    },
    requests::{
        counts::{
            all,
            sum,
            Cells,
            Svm, //
        },
        kind::{
            COHERENT,
            EXT_COHERENT,
            FINE,
            GRAINS,
            HEAPS,
            QUEUE,
            QUEUES,
            SVM_ATTRIBUTES,
            SVM_OPERATIONS,
            UNCACHED, //
        },
        probe::{
            Probe,
            State,
            PROBES, //
        },
        ring::{
            By,
            Ring,
            ENTRIES, //
        },
        Log, //
    },
};

use super::record::{
    heading,
    node_number,
    Known, //
};

/// Writes `requests`. The log must be settled (`Counts::settle()`), and the times of its ring in
/// milliseconds.
pub fn requests<M: Maps>(
    snapshot: &Snapshot<M>,
    probes: &[Probe; PROBES.len()],
    log: &Log<u64>,
    out: &mut dyn Write,
) -> fmt::Result {
    heading(out, "requests")?;
    let ids = nodes(snapshot).filter_map(|(_, node)| gpu_id_of(node));
    let without_room = ids.filter(|id| !log.counts.cards().any(|(known, _)| known == *id));
    writeln!(
        out,
        "record=about counts=requests-at-entry failed=included pids=of-initial-namespace \
         cards_without_room={}",
        count(without_room)
    )?;
    write_probes(probes, log, out)?;
    for (gpu_id, cells) in log.counts.cards() {
        let node = nodes(snapshot).find(|(_, node)| gpu_id_of(node) == Some(gpu_id));
        write_cells(&Place::Card(gpu_id, node), cells, out)?;
    }
    write_cells(&Place::Other, &log.counts.other, out)?;
    write_svm(&log.counts.svm, out)?;
    write_ring(&log.ring, out)
}

/// All nodes of cards, each with its card.
fn nodes<M: Maps>(snapshot: &Snapshot<M>) -> impl Iterator<Item = (&Card, &Node)> {
    let cards = snapshot.cards();
    cards.flat_map(|(key, card)| snapshot.nodes_of(key).map(move |(_, node)| (card, node)))
}

/// The id that KFD gave a node, if it did.
pub fn gpu_id_of(node: &Node) -> Option<u64> {
    node.gpu_id.known().filter(|id| *id != 0)
}

fn write_probes(
    probes: &[Probe; PROBES.len()],
    log: &Log<u64>,
    out: &mut dyn Write,
) -> fmt::Result {
    for ((probe, (name, function)), hits) in probes.iter().zip(PROBES).zip(hits(log)) {
        let (errno, by) = match probe.state {
            State::Unavailable(errno) => (errno, "-"),
            _ if probe.by_ftrace => (0, "ftrace"),
            _ => (0, "other"),
        };
        writeln!(
            out,
            "record=probe name={name} function={function} state={} errno={errno} by={by} \
             hits={hits} missed={}",
            probe.state, probe.missed
        )?;
    }
    Ok(())
}

/// How often each probe was hit. Each hit counts in one place alone.
fn hits(log: &Log<u64>) -> [u64; PROBES.len()] {
    let (mut allocations, mut policies, mut queues) = (0u64, 0u64, 0u64);
    for cells in log.counts.all() {
        allocations = allocations.wrapping_add(all(&cells.allocations));
        policies = policies.wrapping_add(all(&cells.policies));
        queues = queues.wrapping_add(all(&cells.queues));
    }
    let svm = all(&log.counts.svm.operations);
    [allocations, svm, policies, queues, log.checks]
}

/// Whose counters they are.
enum Place<'a> {
    /// Those of a card that KFD's topology has or had.
    Card(u64, Option<(&'a Card, &'a Node)>),
    /// Those of all others.
    Other,
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(gpu_id, node) => {
                let address = Known(node.and_then(|(card, _)| card.address));
                let node = node_number(node.map(|(_, node)| node));
                write!(f, "gpu={address} node={node} gpu_id={gpu_id:#x}")
            }
            Self::Other => f.write_str("gpu=other node=- gpu_id=-"),
        }
    }
}

/// A number of a record: its key, and of which counters it is the sum: those whose place has these
/// bits of the mask set, and no others of it.
type Sum = (&'static str, u32, u32);

const ALLOCATIONS: [Sum; 6] = [
    ("requests", 0, 0),
    ("coarse", QUEUE | FINE, 0),
    ("coherent", QUEUE | COHERENT, COHERENT),
    ("uncached", QUEUE | UNCACHED, UNCACHED),
    ("ext_coherent", QUEUE | EXT_COHERENT, EXT_COHERENT),
    ("queue", QUEUE, QUEUE),
];

const POLICIES: [Sum; 5] = [
    ("requests", 0, 0),
    ("default_coherent", 12, 0),
    ("default_noncoherent", 12, 4),
    ("alternate_coherent", 3, 0),
    ("alternate_noncoherent", 3, 1),
];

const ATTRIBUTES: [Sum; 3] = [
    ("attributes", 0, 0),
    ("coherent", 1, 1),
    ("ext_coherent", 2, 2),
];

/// Ends a record with sums.
#[inline(never)] // Else it is made anew for each list.
fn write_sums(out: &mut dyn Write, counts: &[u64], sums: &[Sum]) -> fmt::Result {
    for (key, mask, bits) in sums {
        write!(out, " {key}={}", sum(counts, *mask, *bits))?;
    }
    out.write_char('\n')
}

fn write_cells(place: &Place<'_>, cells: &Cells<u64>, out: &mut dyn Write) -> fmt::Result {
    let heaps = cells.allocations.chunks_exact(GRAINS as usize);
    for (name, heap) in HEAPS.iter().zip(heaps) {
        write!(out, "record=alloc {place} heap={name}")?;
        write_sums(out, heap, &ALLOCATIONS)?;
    }
    write!(out, "record=policy {place}")?;
    write_sums(out, &cells.policies, &POLICIES)?;
    write!(out, "record=queue {place} requests={}", all(&cells.queues))?;
    for (name, count) in QUEUES.iter().zip(&cells.queues) {
        write!(out, " {name}={count}")?;
    }
    out.write_char('\n')
}

fn write_svm(svm: &Svm<u64>, out: &mut dyn Write) -> fmt::Result {
    for (name, count) in SVM_OPERATIONS.iter().zip(&svm.operations) {
        writeln!(out, "record=svm op={name} requests={count}")?;
    }
    for (name, kinds) in SVM_OPERATIONS.iter().zip(&svm.attributes) {
        for (kind, counts) in SVM_ATTRIBUTES.iter().zip(kinds) {
            write!(out, "record=svm_attribute op={name} attribute={kind}")?;
            write_sums(out, counts, &ATTRIBUTES)?;
        }
    }
    writeln!(
        out,
        "record=svm_unread attributes={}",
        svm.unread_attributes
    )
}

fn write_ring(ring: &Ring<u64>, out: &mut dyn Write) -> fmt::Result {
    writeln!(
        out,
        "record=fine requests={} kept={ENTRIES} left_out={}",
        ring.requests, ring.left_out
    )?;
    for (number, by, request) in ring.in_order().filter_map(|entry| entry.request()) {
        let ioctl = match by {
            By::Allocation => "alloc_memory",
            By::Svm => "svm",
        };
        writeln!(
            out,
            "record=last number={number} time_ms={} pid={} tid={} command={} ioctl={ioctl} \
             gpu_id={:#x} flags={:#x} size_bytes={}",
            request.ticks,
            request.who >> 32,
            request.who & 0xffff_ffff,
            Command(request.command),
            request.what >> 32,
            request.what & 0xffff_ffff,
            request.size
        )?;
    }
    Ok(())
}

/// What a thread is called. Anybody can choose that: all but letters, digits, `.`, `_`, `-`, `/` and
/// `:` is written as `%` and two hexadecimal digits.
struct Command([u64; 2]);

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(u64::to_ne_bytes);
        let bytes = first.into_iter().chain(second);
        let mut empty = true;
        for byte in bytes.take_while(|byte| *byte != 0) {
            empty = false;
            if byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte) {
                f.write_char(byte.into())?;
            } else {
                write!(f, "%{byte:02x}")?;
            }
        }
        // No value is empty.
        if empty {
            f.write_char('-')?;
        }
        Ok(())
    }
}
