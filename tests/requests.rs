// SPDX-License-Identifier: GPL-2.0

//! What is counted of requests, and how it is shown.

mod common;

use std::{
    collections::BTreeMap,
    sync::atomic::{
        AtomicBool,
        AtomicU64,
        Ordering, //
    },
    thread, //
};

use common::{
    records,
    Found,
    Record, //
};
use proptest::prelude::*;
use rdna1_kfd_guard::{
    facts::topology::File,
    requests::{
        counts::{
            Cells,
            CARDS,
            STRANGERS, //
        },
        probe::{
            Probe,
            State, //
        },
        ring::{
            By,
            Request,
            ENTRIES, //
        },
        Log, //
    },
    text, //
};

/// The id of the honest tree's card.
const CARD: u32 = 0xdca5;

const ARMED: [Probe; 5] = [Probe {
    state: State::Armed,
    by_ftrace: true,
    missed: 0,
}; 5];

fn log() -> Box<Log<AtomicU64>> {
    Box::new(Log::empty(|| AtomicU64::new(0)))
}

/// As the module copies it.
fn copy(log: &Log<AtomicU64>) -> Box<Log<u64>> {
    let mut copy = Box::new(Log::empty(|| 0));
    log.copy_to(&mut copy);
    copy.counts.settle();
    copy
}

/// The honest card, with the id [`CARD`].
fn found() -> Found {
    Found::after(|tree, _| {
        tree.put(File::GpuId(1), &format!("{CARD}\n"));
    })
}

fn shown(log: &Log<AtomicU64>, kind: &str) -> Vec<Record> {
    let found = found();
    let mut all = records(|page| text::requests(&found.snapshot, &ARMED, &copy(log), page));
    all.retain(|record| record["record"] == kind);
    all
}

/// The record of allocations from a heap, of the card or of all others.
fn allocations(log: &Log<AtomicU64>, gpu_id: &str, heap: &str) -> Record {
    let mut all = shown(log, "alloc");
    all.retain(|record| record["gpu_id"] == gpu_id && record["heap"] == heap);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn flags_tell_the_heap_and_the_grain() {
    const VRAM: u32 = 1;
    const GTT: u32 = 2;
    const USERPTR: u32 = 4;
    const DOORBELL: u32 = 8;
    const MMIO: u32 = 0x10;
    const EXT_COHERENT: u32 = 1 << 24;
    const UNCACHED: u32 = 1 << 25;
    const COHERENT: u32 = 1 << 26;
    const QUEUE: u32 = 1 << 27;
    for (flags, heap, keys, fine) in [
        (VRAM, "vram", &["coarse"][..], false),
        (GTT, "gtt", &["coarse"], false),
        // All that says nothing of grain.
        (0xf0ff_ffe0 | USERPTR, "userptr", &["coarse"], false),
        (VRAM | COHERENT, "vram", &["coherent"], true),
        (GTT | UNCACHED, "gtt", &["uncached"], true),
        (USERPTR | EXT_COHERENT, "userptr", &["ext_coherent"], true),
        (
            GTT | COHERENT | UNCACHED | EXT_COHERENT,
            "gtt",
            &["coherent", "uncached", "ext_coherent"],
            true,
        ),
        (GTT | QUEUE, "gtt", &["queue"], false),
        (GTT | QUEUE | UNCACHED | COHERENT, "gtt", &["queue"], false),
        (DOORBELL | COHERENT, "doorbell", &["coherent"], false),
        (MMIO | UNCACHED, "mmio", &["uncached"], false),
        (COHERENT, "none", &["coherent"], false),
        // KFD takes the first that it looks for.
        (VRAM | GTT, "vram", &["coarse"], false),
        (GTT | USERPTR | COHERENT, "gtt", &["coherent"], true),
    ] {
        let log = log();
        log.counts.learn(CARD);
        let allocation = log.counts.allocation(CARD, flags);
        assert_eq!(allocation.is_fine(), fine, "{flags:#x}");
        let record = allocations(&log, "0xdca5", heap);
        for key in ["coarse", "coherent", "uncached", "ext_coherent", "queue"] {
            let expected = if keys.contains(&key) { "1" } else { "0" };
            assert_eq!(record[key], expected, "{flags:#x} {key}");
        }
        assert_eq!(record["requests"], "1");
    }
}

#[test]
fn svm_attributes_are_counted_by_operation_and_kind() {
    let log = log();
    let fine = |op, attributes: &[(u32, u32)], unread| {
        log.counts.svm(op, attributes.iter().copied(), unread)
    };
    assert_eq!(fine(0, &[(5, 0x2), (2, 7)], 0), Some(0x2));
    assert_eq!(fine(0, &[(5, 0x80)], 3), Some(0x80));
    assert_eq!(fine(0, &[(5, 0x7d)], 0), None);
    assert_eq!(fine(0, &[(6, 0x82)], 0), None);
    assert_eq!(fine(0, &[(u32::MAX, 0x82)], 0), None);
    assert_eq!(fine(1, &[(5, 0x82)], 0), None);
    assert_eq!(fine(2, &[(5, 0x82)], 9), None);
    assert_eq!(fine(u32::MAX, &[(5, 0x82)], 9), None);
    let requests: Vec<_> = shown(&log, "svm")
        .into_iter()
        .map(|record| (record["op"].clone(), record["requests"].clone()))
        .collect();
    let pair = |op: &str, count: &str| (op.to_owned(), count.to_owned());
    assert_eq!(
        requests,
        [pair("set", "5"), pair("get", "1"), pair("other", "2")]
    );
    for record in shown(&log, "svm_attribute") {
        let key = (record["op"].as_str(), record["attribute"].as_str());
        let expected = match key {
            ("set", "set_flags") => ["3", "1", "1"],
            ("set", "clr_flags") => ["1", "1", "1"],
            ("set", "access" | "other") | ("get", "set_flags") => ["1", "0", "0"],
            _ => ["0", "0", "0"],
        };
        let seen = ["attributes", "coherent", "ext_coherent"].map(|key| record[key].as_str());
        assert_eq!(seen, expected, "{key:?}");
    }
    assert_eq!(shown(&log, "svm_unread")[0]["attributes"], "3");
}

/// What is asked, in the order of asking; and when an id is found in the topology.
#[derive(Clone, Debug)]
enum Step {
    Learn(u32),
    Alloc(u32, u32),
    Policy(u32, u32, u32),
    Queue(u32, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few cards, and more strangers than are kept apart.
    let card = 1..=3u32;
    let id = prop_oneof![1..=3u32, 100..130u32, Just(0)];
    prop::collection::vec(
        prop_oneof![
            1 => card.prop_map(Step::Learn),
            4 => (id.clone(), any::<u32>()).prop_map(|(id, flags)| Step::Alloc(id, flags)),
            1 => (id.clone(), 0..4u32, 0..4u32).prop_map(|(id, a, b)| Step::Policy(id, a, b)),
            1 => (id, 0..8u32).prop_map(|(id, kind)| Step::Queue(id, kind)),
        ],
        0..200,
    )
}

proptest! {
    /// Each request is counted once, and nothing that is asked of a stranger is a card's.
    #[test]
    fn nothing_is_lost_or_mixed_up(steps in steps()) {
        let log = log();
        let (mut asked, mut learnt) = (BTreeMap::<(u32, &str), u64>::new(), Vec::new());
        let mut strangers = BTreeMap::new();
        for step in &steps {
            let mut ask = |id: u32, kind| {
                let known = learnt.contains(&id) || id == 0;
                let place = id as usize % STRANGERS;
                // A card that was not learnt yet, when there was no room for it as a stranger.
                if !known && *strangers.entry(place).or_insert(id) != id && id <= 3 {
                    *asked.entry((0, kind)).or_default() += 1;
                    return;
                }
                *asked.entry((id, kind)).or_default() += 1;
            };
            match *step {
                Step::Learn(id) => {
                    prop_assert!(log.counts.learn(id));
                    learnt.push(id);
                }
                Step::Alloc(id, flags) => {
                    log.counts.allocation(id, flags);
                    ask(id, "alloc");
                }
                Step::Policy(id, default, alternate) => {
                    log.counts.policy(id, default, alternate);
                    ask(id, "policy");
                }
                Step::Queue(id, kind) => {
                    log.counts.queue(id, kind);
                    ask(id, "queue");
                }
            }
        }
        let copy = copy(&log);
        let ids: Vec<_> = copy.counts.cards().map(|(id, _)| id as u32).collect();
        for id in &learnt {
            prop_assert!(ids.contains(id));
        }
        prop_assert!(ids.iter().all(|id| learnt.contains(id)));
        let counted = |cells: &Cells<u64>, kind| -> u64 {
            match kind {
                "alloc" => cells.allocations.iter().sum(),
                "policy" => cells.policies.iter().sum(),
                _ => cells.queues.iter().sum(),
            }
        };
        for kind in ["alloc", "policy", "queue"] {
            for (id, cells) in copy.counts.cards() {
                let expected = asked.get(&(id as u32, kind)).copied().unwrap_or(0);
                prop_assert_eq!(counted(cells, kind), expected, "{} of {}", kind, id);
            }
            let others = asked
                .iter()
                .filter(|((id, of), _)| *of == kind && !learnt.contains(id));
            prop_assert_eq!(
                counted(&copy.counts.other, kind),
                others.map(|(_, count)| count).sum::<u64>()
            );
        }
    }
}

#[test]
fn there_is_room_for_some_cards_and_no_fault_beyond() {
    let log = log();
    for id in 1..=CARDS as u32 {
        assert!(log.counts.learn(id) && log.counts.learn(id));
    }
    assert!(!log.counts.learn(1000) && !log.counts.learn(0));
    for id in (1..=CARDS as u32).chain([1000]) {
        log.counts.queue(id, 0);
    }
    let counts = copy(&log).counts;
    assert!(counts
        .cards()
        .all(|(_, cells)| cells.queues.iter().sum::<u64>() == 1));
    assert_eq!(counts.other.queues.iter().sum::<u64>(), 1);
    // CARD, which the topology has, is one of those for which there is no room.
    assert_eq!(shown(&log, "about")[0]["cards_without_room"], "1");
}

#[test]
fn threads_lose_nothing() {
    const THREADS: u32 = 8;
    const TIMES: u32 = 20_000;
    let log = log();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = &log;
            scope.spawn(move || {
                for turn in 0..TIMES {
                    // All race for the places of strangers at first.
                    log.counts.allocation(10 + turn % 12, thread);
                }
            });
        }
    });
    let copy = copy(&log);
    assert_eq!(
        copy.counts.other.allocations.iter().sum::<u64>(),
        u64::from(THREADS * TIMES)
    );
}

#[test]
fn the_ring_keeps_the_last() {
    let log = log();
    for number in 0..100 {
        let request = Request {
            size: number,
            ..Request::default()
        };
        log.ring.push(By::Allocation, &request);
        let seen = copy(&log);
        let sizes: Vec<_> = seen
            .ring
            .in_order()
            .filter_map(|entry| entry.request())
            .map(|(number, _, request)| {
                assert_eq!(number, request.size);
                number
            })
            .collect();
        let first = (number + 1).saturating_sub(ENTRIES as u64);
        assert_eq!(sizes, (first..=number).collect::<Vec<_>>());
    }
}

/// Writers and a reader at once: what is shown was written by one writer at one time, and the oldest
/// comes first.
#[test]
fn no_request_is_shown_torn() {
    const WRITERS: u64 = 7;
    let (log, ended) = (log(), AtomicBool::new(false));
    let shown = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (log, ended) = (&log, &ended);
            scope.spawn(move || {
                let mut turn = writer;
                while !ended.load(Ordering::Relaxed) {
                    turn = turn.wrapping_add(WRITERS);
                    let request = Request {
                        ticks: turn,
                        who: turn,
                        command: [turn, turn],
                        what: turn,
                        size: turn,
                    };
                    log.ring.push(By::Allocation, &request);
                }
            });
        }
        let (mut shown, mut seen) = (0, 0);
        while shown < 200_000 && seen < 400_000 {
            let copy = copy(&log);
            seen += 1;
            let mut before = None;
            for (number, _, request) in copy.ring.in_order().filter_map(|entry| entry.request()) {
                let in_order = before < Some(number) && number < copy.ring.requests;
                before = Some(number);
                let Request {
                    ticks,
                    who,
                    command,
                    what,
                    size,
                } = request;
                if !in_order || [who, command[0], command[1], what, size] != [ticks; 5] {
                    ended.store(true, Ordering::Relaxed);
                    panic!("torn, or out of order: {number} {request:?}");
                }
                shown += 1;
            }
        }
        ended.store(true, Ordering::Relaxed);
        shown
    });
    assert!(shown > 0);
}

/// As it was read by a human.
#[test]
fn the_page() {
    let log = log();
    assert!(log.counts.learn(CARD) && log.counts.learn(0x77));
    for (id, flags, times) in [
        (CARD, 0x8000_0001, 3),
        (CARD, 0x8400_0001, 2),
        (CARD, 0x8800_0002, 1),
        (0x77, 0x1, 1),
        (0xbeef, 0x2, 4),
    ] {
        for _ in 0..times {
            log.counts.allocation(id, flags);
        }
    }
    log.counts.policy(CARD, 0, 1);
    log.counts.queue(CARD, 2);
    log.counts.queue(0, 99);
    log.counts.svm(0, [(5, 0x3)].into_iter(), 0);
    let word = |text: &[u8; 8]| u64::from_ne_bytes(*text);
    let request = Request {
        ticks: 81_234,
        who: 812 << 32 | 815,
        command: [word(b"my prog="), word(b"\xff\0\0\0\0\0\0\0")],
        what: u64::from(CARD) << 32 | 0x8400_0001,
        size: 2 << 20,
    };
    log.ring.push(By::Allocation, &request);
    let svm = Request {
        what: 3,
        command: [0, 0],
        ..request
    };
    log.ring.push(By::Svm, &svm);
    log.checks.store(1, Ordering::Relaxed);
    let mut probes = ARMED;
    probes[1].state = State::Unavailable(2);
    probes[2].state = State::Blind;
    probes[2].by_ftrace = false;
    probes[3].state = State::Unchecked;
    probes[3].missed = 5;
    let (found, mut page) = (found(), String::new());
    text::requests(&found.snapshot, &probes, &copy(&log), &mut page).unwrap();
    insta::assert_snapshot!(page);
}

/// Nothing that a program calls itself breaks the form.
#[test]
fn any_command_is_one_value() {
    for byte in 0..=u8::MAX {
        let log = log();
        let word = u64::from_ne_bytes([b'a', byte, b'b', b'c', b'd', b'e', b'f', b'g']);
        let request = Request {
            command: [word, word],
            ..Request::default()
        };
        log.ring.push(By::Allocation, &request);
        let command = &shown(&log, "last")[0]["command"];
        let one = match byte {
            0 => "a".to_owned(),
            byte if byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte) => {
                format!("a{}bcdefg", byte as char).repeat(2)
            }
            byte => format!("a%{byte:02x}bcdefg").repeat(2),
        };
        assert_eq!(*command, one);
    }
}
