// SPDX-License-Identifier: GPL-2.0

//! Asking again: what is shown without a walk is what a walk would have found.

mod common;

use common::{
    Bus,
    Tree, //
};
use proptest::prelude::*;
use rdna1_kfd_guard::{
    facts::{
        map::{
            Map,
            OutOfMemory, //
        },
        pci::{
            Depth,
            Driver,
            ExpressLink,
            Function,
            Id,
            Name, //
        },
        snapshot::Snapshot,
        tally::Tally,
        topology::{
            File,
            Folder,
            LinkFolder,
            ReadError,
            Topology, //
        },
        value::Value, //
    },
    host::Host,
    kept::{
        Keep,
        Keeping,
        Kept,
        Look,
        Still, //
    },
    observe::observe,
    text, //
};

const NODE: File = File::Node(1);
const BANK: File = File::Bank(1, 0);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);

impl Keep for Tree {
    type File = (File, Vec<u8>);
    type Folder = (Folder, usize);

    fn read_to_keep(&mut self, file: File) -> Result<(&[u8], Option<Self::File>), ReadError> {
        let text = self.read(file)?;
        Ok((text, Some((file, text.to_vec()))))
    }

    fn list_to_keep<N: Map<u32, ()>>(
        &mut self,
        folder: Folder,
        numbers: &mut N,
    ) -> Result<Self::Folder, ReadError> {
        self.list(folder, numbers)?;
        Ok((folder, numbers.values().count()))
    }

    fn reads_the_same(&mut self, (file, text): &Self::File) -> Result<bool, ReadError> {
        // Past the hooks for whole walks.
        match self.files.get(&file.to_string()) {
            Some(Ok(now)) => Ok(now == text),
            Some(Err(error)) => Err(*error),
            None => Err(ReadError::Absent),
        }
    }

    /// As sysfs does, which tells how many there are and not which.
    fn holds_the_same(&mut self, (folder, entries): &Self::Folder) -> Result<bool, ReadError> {
        match self.folders.get(&folder.to_string()) {
            Some(Ok(now)) => Ok(now.len() == *entries),
            Some(Err(error)) => Err(*error),
            None => Err(ReadError::Absent),
        }
    }
}

impl Look for Bus {
    fn look(
        &mut self,
        depth: Depth,
        each: &mut dyn FnMut(&Function) -> bool,
    ) -> Result<(), OutOfMemory> {
        for function in self.0.iter().filter(|function| function.id == Id::NAVI10) {
            let mut function = *function;
            if depth == Depth::Identity {
                function.driver = Driver::default();
                function.link = ExpressLink::default();
            }
            if !each(&function) {
                break;
            }
        }
        Ok(())
    }
}

/// A reader as the module's: it asks again, and walks where that does not do.
#[derive(Default)]
struct Reader {
    kept: Option<(Snapshot<Host>, Kept<Host, Tree>)>,
    walks: u32,
}

impl Reader {
    /// The texts of `gpus`, or of the other files.
    fn read(&mut self, tree: &Tree, bus: &Bus, depth: Depth) -> (String, Tally) {
        let (mut tree, mut bus) = (tree.clone(), bus.clone());
        let mut refused = false;
        if let Some((snapshot, kept)) = &self.kept {
            match kept.still(snapshot, &mut tree, &mut bus, depth).unwrap() {
                Still::Same => return (shown(snapshot, depth), *kept.tally()),
                Still::Refused => refused = true,
                Still::Changed => self.kept = None,
            }
        }
        self.walks += 1;
        let mut tally = Tally::default();
        let mut keeping = Keeping::new(&mut tree, !refused);
        let snapshot = observe::<Host, _, _>(&mut keeping, Some(&mut bus), &mut tally).unwrap();
        let text = shown(&snapshot, depth);
        if let Some(kept) = keeping.kept(&snapshot, &tally) {
            self.kept = Some((snapshot, kept));
        }
        (text, tally)
    }

    /// Demands that the next reads are what a walk finds now; returns how many walks they took.
    #[track_caller]
    fn expect_the_truth(&mut self, tree: &Tree, bus: &Bus) -> u32 {
        let before = self.walks;
        for depth in [Depth::Identity, Depth::Everything] {
            let mut tally = Tally::default();
            let (mut own_tree, mut own_bus) = (tree.clone(), bus.clone());
            let fresh: Snapshot<Host> =
                observe(&mut own_tree, Some(&mut own_bus), &mut tally).unwrap();
            assert_eq!(self.read(tree, bus, depth), (shown(&fresh, depth), tally));
        }
        self.walks - before
    }
}

fn shown(snapshot: &Snapshot<Host>, depth: Depth) -> String {
    let mut page = String::new();
    match depth {
        Depth::Identity => {
            text::heaps(snapshot, &mut page).unwrap();
            text::flags(snapshot, &mut page).unwrap();
            text::checks(snapshot, &mut page).unwrap();
        }
        Depth::Everything => text::gpus(snapshot, &mut page).unwrap(),
    }
    page
}

#[test]
fn a_machine_at_rest_is_walked_over_once() {
    let (tree, bus) = (honest_and_whole(), Bus::honest());
    let mut reader = Reader::default();
    assert_eq!(reader.expect_the_truth(&tree, &bus), 1);
    assert_eq!(reader.expect_the_truth(&tree, &bus), 0);
}

/// No generation counts these, and each is in the next read.
#[test]
fn what_changes_without_a_generation_is_seen() {
    let changes: [fn(&mut Tree, &mut Bus); 10] = [
        |tree, _| tree.set(BANK, "mem_clk_max", "900"),
        |tree, _| tree.set(BANK, "flags", "1"),
        |tree, _| tree.set(NODE, "capability", "268435456"),
        |tree, _| tree.set(LINK_FROM_CPU, "flags", "1"),
        |tree, _| tree.put(File::GpuId(1), "77\n"),
        |tree, _| tree.fail(BANK, ReadError::Denied),
        |tree, _| tree.put(File::GenerationId, "3\n"),
        |_, bus| bus.0[0].bar0_bytes = Value::Known(256 << 20),
        |_, bus| bus.0[0].link.width = Value::Known(4),
        |_, bus| bus.0[0].driver = Driver::Named(Name::new(b"vfio-pci").unwrap()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut tree, mut bus) = (honest_and_whole(), Bus::honest());
        let mut reader = Reader::default();
        reader.expect_the_truth(&tree, &bus);
        change(&mut tree, &mut bus);
        assert_ne!(reader.expect_the_truth(&tree, &bus), 0, "change {number}");
    }
}

/// An entry that comes changes no file that was read.
#[test]
fn what_comes_beside_is_seen() {
    let changes: [fn(&mut Tree, &mut Bus); 4] = [
        |tree, _| {
            tree.folders
                .insert(Folder::Banks(1).to_string(), Ok(vec![0, 1]));
        },
        |tree, _| {
            let links = Folder::Links(LinkFolder::Io(1));
            tree.folders.insert(links.to_string(), Ok(vec![0, 1]));
        },
        |tree, _| {
            tree.folders
                .insert(Folder::Nodes.to_string(), Ok(vec![0, 1, 2]));
        },
        |_, bus| {
            let mut other = bus.0[0];
            other.address.location += 8;
            bus.0.push(other);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut tree, mut bus) = (honest_and_whole(), Bus::honest());
        let mut reader = Reader::default();
        reader.expect_the_truth(&tree, &bus);
        assert_eq!(reader.expect_the_truth(&tree, &bus), 0);
        change(&mut tree, &mut bus);
        assert_ne!(reader.expect_the_truth(&tree, &bus), 0, "change {number}");
    }
}

#[test]
fn who_is_refused_takes_nothing_from_the_others() {
    let (tree, bus) = (honest_and_whole(), Bus::honest());
    let mut reader = Reader::default();
    reader.expect_the_truth(&tree, &bus);
    let mut refused = tree.clone();
    refused.fail(NODE, ReadError::Denied);
    assert_ne!(reader.expect_the_truth(&refused, &bus), 0);
    assert_eq!(reader.expect_the_truth(&tree, &bus), 0);
}

/// Such a read takes two walks with a pause, and so does the next.
#[test]
fn a_lie_is_looked_at_twice_each_time() {
    let (mut tree, bus) = (honest_and_whole(), Bus::honest());
    tree.set(BANK, "flags", "1");
    let mut reader = Reader::default();
    assert_eq!(reader.expect_the_truth(&tree, &bus), 2);
    assert_eq!(reader.expect_the_truth(&tree, &bus), 2);
}

/// With the folders for indirect links, which the captures do not have, and all kernels since 5.19.
fn honest_and_whole() -> Tree {
    let mut tree = Tree::honest();
    for node in [0, 1] {
        let links = Folder::Links(LinkFolder::PeerToPeer(node));
        tree.folders
            .entry(links.to_string())
            .or_insert(Ok(Vec::new()));
    }
    tree
}

/// Something that happens to a machine.
#[derive(Clone, Debug)]
enum Event {
    /// It is honest again.
    Mended,
    /// A line of a file gets that number.
    Line(File, &'static str, u64),
    /// A file can't be read.
    Fails(File, ReadError),
    /// The generation moves.
    Generation(u32),
    /// A folder holds these.
    Holds(Folder, Vec<u32>),
    /// The card on the bus moves, changes or goes.
    Bar0(u64),
    Width(u64),
    Moves(u16),
    Gone,
    Nothing,
}

impl Event {
    fn happen(&self, tree: &mut Tree, bus: &mut Bus) {
        match self {
            Self::Mended => (*tree, *bus) = (honest_and_whole(), Bus::honest()),
            Self::Line(file, key, value) => {
                if matches!(tree.files.get(&file.to_string()), Some(Ok(_))) {
                    tree.set(*file, key, &value.to_string());
                }
            }
            Self::Fails(file, error) => tree.fail(*file, *error),
            Self::Generation(number) => tree.put(File::GenerationId, &format!("{number}\n")),
            Self::Holds(folder, entries) => {
                // What goes from a folder takes its files with it.
                let gone = |name: &str| {
                    let inside = name.strip_prefix(&format!("{folder}/"));
                    let entry = inside.and_then(|inside| inside.split('/').next()?.parse().ok());
                    entry.is_some_and(|entry: u32| !entries.contains(&entry))
                };
                tree.files.retain(|name, _| !gone(name));
                tree.folders.retain(|name, _| !gone(name));
                tree.folders.insert(folder.to_string(), Ok(entries.clone()));
            }
            Self::Bar0(bytes) => change(bus, |card| card.bar0_bytes = Value::Known(*bytes)),
            Self::Width(lanes) => change(bus, |card| card.link.width = Value::Known(*lanes)),
            Self::Moves(location) => change(bus, |card| card.address.location = *location),
            Self::Gone => bus.0.clear(),
            Self::Nothing => (),
        }
    }
}

fn change(bus: &mut Bus, change: impl Fn(&mut Function)) {
    bus.0.iter_mut().for_each(change);
}

fn events() -> impl Strategy<Value = Event> {
    let file = prop::sample::select(vec![
        File::GenerationId,
        File::GpuId(1),
        File::Node(0),
        NODE,
        BANK,
        LINK_FROM_CPU,
        File::Link(LinkFolder::Io(1), 0),
    ]);
    let error = prop::sample::select(vec![ReadError::Absent, ReadError::Denied, ReadError::Other]);
    let line = prop::sample::select(vec![
        (BANK, "flags"),
        (BANK, "heap_type"),
        (BANK, "mem_clk_max"),
        (NODE, "capability"),
        (NODE, "hive_id"),
        (NODE, "location_id"),
        (NODE, "device_id"),
        (NODE, "mem_banks_count"),
        (NODE, "io_links_count"),
        (File::Node(0), "cpu_cores_count"),
        (File::Node(0), "io_links_count"),
        (LINK_FROM_CPU, "flags"),
        (LINK_FROM_CPU, "node_to"),
    ]);
    let folder = prop::sample::select(vec![
        Folder::Nodes,
        Folder::Banks(1),
        Folder::Links(LinkFolder::Io(0)),
        Folder::Links(LinkFolder::Io(1)),
        Folder::Links(LinkFolder::PeerToPeer(0)),
        Folder::Links(LinkFolder::PeerToPeer(1)),
    ]);
    let entries = prop::collection::btree_set(0u32..3, 0..3);
    prop_oneof![
        4 => Just(Event::Mended),
        2 => Just(Event::Nothing),
        4 => (line, prop::sample::select(vec![0u64, 1, 2, 768, 29471]))
            .prop_map(|((file, key), value)| Event::Line(file, key, value)),
        1 => (file, error).prop_map(|(file, error)| Event::Fails(file, error)),
        1 => (2u32..5).prop_map(Event::Generation),
        2 => (folder, entries)
            .prop_map(|(folder, entries)| Event::Holds(folder, entries.into_iter().collect())),
        1 => prop::sample::select(vec![0u64, 256 << 20, 8 << 30]).prop_map(Event::Bar0),
        1 => (1u64..16).prop_map(Event::Width),
        1 => prop::sample::select(vec![0x300u16, 0x308]).prop_map(Event::Moves),
        1 => Just(Event::Gone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever happens, and in whatever order, each read is what a walk would find.
    #[test]
    fn no_read_is_older_than_a_walk(events in prop::collection::vec(events(), 1..12)) {
        let (mut tree, mut bus) = (honest_and_whole(), Bus::honest());
        let mut reader = Reader::default();
        for event in events {
            event.happen(&mut tree, &mut bus);
            reader.expect_the_truth(&tree, &bus);
        }
    }
}
