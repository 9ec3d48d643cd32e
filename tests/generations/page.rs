// SPDX-License-Identifier: GPL-2.0

//! The text of the module's files, as `classify` prints it.

use rdna1_kfd_guard::{
    facts::{
        pci::PciBus,
        snapshot::Snapshot,
        tally::Tally,
        topology::Topology, //
    },
    host::PciFile,
    observe::observe,
    text, //
};

use super::{
    machine::Source,
    pci::file_of,
    scene::Scene,
    world::World, //
};

pub struct Page(pub String);

/// A record: `key=value` pairs, separated by blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'p>(&'p str);

impl Page {
    /// Observes a scene. PCI facts of a file are taken from `world`.
    pub fn of(scene: &Scene, world: &World, source: Source) -> Result<Self, String> {
        Self::of_topology(&mut scene.topology(), scene, world, source)
    }

    /// Observes a scene with `topology` instead of its own.
    pub fn of_topology(
        topology: &mut impl Topology,
        scene: &Scene,
        world: &World,
        source: Source,
    ) -> Result<Self, String> {
        match source {
            Source::Nowhere => Self::observe(topology, None::<&mut PciFile>),
            Source::Core => Self::observe(topology, Some(&mut scene.core())),
            Source::File(contents) => {
                let file = PciFile::parse(&file_of(world, contents));
                let mut file = file.map_err(|error| format!("{error:#}"))?;
                Self::observe(topology, Some(&mut file))
            }
        }
    }

    fn observe<B: PciBus>(
        topology: &mut impl Topology,
        bus: Option<&mut B>,
    ) -> Result<Self, String> {
        let mut tally = Tally::default();
        let snapshot: Snapshot =
            observe(topology, bus, &mut tally).map_err(|error| format!("{error:?}"))?;
        let mut page = String::new();
        text::gpus(&snapshot, &mut page)
            .and_then(|()| text::heaps(&snapshot, &mut page))
            .and_then(|()| text::flags(&snapshot, &mut page))
            .and_then(|()| text::checks(&snapshot, &mut page))
            .map_err(|error| error.to_string())?;
        Ok(Self(page))
    }

    pub fn has_lie(&self) -> bool {
        self.0.contains("lie")
    }

    /// The records of a file.
    pub fn records(&self, file: &'static str) -> impl Iterator<Item = Record<'_>> {
        let is_heading = |line: &str| {
            let name = line.strip_prefix("# rdna1 ");
            name.and_then(|name| name.strip_suffix(" v1")) == Some(file)
        };
        let below = self.0.lines().skip_while(move |line| !is_heading(line));
        let own = below.skip(1).take_while(|line| !line.starts_with('#'));
        own.map(Record)
    }
}

impl<'p> Record<'p> {
    pub fn get(self, key: &str) -> &'p str {
        let mut pairs = self.0.split(' ').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(own, _)| *own == key)
            .map_or("", |(_, value)| value)
    }
}
