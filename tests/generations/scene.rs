// SPDX-License-Identifier: GPL-2.0

//! A machine that the module reads, and that may change meanwhile.

use std::cell::{
    Cell,
    RefCell, //
};

use rdna1_kfd_guard::facts::{
    map::OutOfMemory,
    numbers::Numbers,
    pci::{
        Address,
        Function,
        Id,
        PciBus, //
    },
    topology::{
        File,
        Folder,
        LinkFolder,
        ReadError,
        Topology, //
    }, //
};

use super::{
    machine::{
        Machine,
        Source,
        Stop, //
    },
    pci::{
        address_of,
        function_of, //
    },
    world::World,
};

pub struct Scene {
    world: RefCell<World>,
    /// The number of reads per step of the world, and of steps during a wait.
    pace: Option<(u32, u32)>,
    reads: Cell<u32>,
    /// For each node number whether the copy lacks that node.
    lost: Vec<bool>,
    without_generation: bool,
}

impl Scene {
    pub fn of(machine: &Machine, world: World, source: Source) -> Self {
        // A copy is made at rest. Facts from the PCI core need the live machine.
        let is_copy = source != Source::Core;
        let pace = match machine.stop {
            Stop::Moving {
                reads_per_step,
                steps_per_wait,
                ..
            } if !is_copy => Some((reads_per_step, steps_per_wait)),
            _ => None,
        };
        let is_card = |number: u32| {
            let mut nodes = world.kfd.nodes.iter();
            let node = nodes.find(|node| node.shown.number == Some(number));
            let life = node.and_then(|node| node.life.as_ref());
            life.is_some_and(|life| life.gpu.is_judged())
        };
        let may_lose = is_copy && !world.has_held();
        let lost = (0..).zip(&machine.lost);
        Self {
            lost: lost
                .map(|(number, &is_lost)| is_lost && may_lose && !is_card(number))
                .collect(),
            without_generation: machine.without_generation && is_copy,
            world: RefCell::new(world),
            pace,
            reads: Cell::new(0),
        }
    }

    /// Whether the copy lacks nodes.
    pub fn has_lost(&self) -> bool {
        self.lost.contains(&true)
    }

    /// A world that does not change, with nothing missing.
    pub fn still(world: World) -> Self {
        Self {
            world: RefCell::new(world),
            pace: None,
            reads: Cell::new(0),
            lost: Vec::new(),
            without_generation: false,
        }
    }

    pub fn topology(&self) -> Reader<'_> {
        Reader {
            scene: self,
            text: String::new(),
        }
    }

    pub fn core(&self) -> Core<'_> {
        Core(self)
    }

    fn tick(&self) {
        let Some((reads_per_step, _)) = self.pace else {
            return;
        };
        let reads = self.reads.get() + 1;
        self.reads.set(reads);
        if reads % reads_per_step == 0 {
            self.world.borrow_mut().step();
        }
    }

    fn is_lost(&self, node: u32) -> bool {
        self.lost.get(node as usize).is_some_and(|lost| *lost)
    }
}

/// The topology of a scene.
pub struct Reader<'s> {
    scene: &'s Scene,
    text: String,
}

impl Topology for Reader<'_> {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let scene = self.scene;
        scene.tick();
        self.text.clear();
        let is_lost = match file {
            File::GenerationId => scene.without_generation,
            File::GpuId(node) | File::Node(node) | File::Bank(node, _) => scene.is_lost(node),
            File::Link(folder, _) => scene.is_lost(node_of(folder)),
        };
        let world = scene.world.borrow();
        if is_lost || world.kfd.host.without_kfd {
            return Err(ReadError::Absent);
        }
        world.kfd.read(file, &mut self.text)?;
        Ok(self.text.as_bytes())
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        let scene = self.scene;
        scene.tick();
        let is_lost = match folder {
            Folder::Nodes => false,
            Folder::Banks(node) => scene.is_lost(node),
            Folder::Links(folder) => scene.is_lost(node_of(folder)),
        };
        let world = scene.world.borrow();
        if is_lost || world.kfd.host.without_kfd {
            return Err(ReadError::Absent);
        }
        for number in world.kfd.list(folder)? {
            if folder != Folder::Nodes || !scene.is_lost(number) {
                numbers.insert(number)?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, _attempt: u32) {
        if let Some((_, steps_per_wait)) = self.scene.pace {
            for _ in 0..steps_per_wait {
                self.scene.world.borrow_mut().step();
            }
        }
    }
}

/// The PCI core of a scene.
pub struct Core<'s>(&'s Scene);

impl PciBus for Core<'_> {
    fn cards(
        &mut self,
        mut each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        self.0.tick();
        let world = self.0.world.borrow();
        let functions = world.slots.iter().filter_map(function_of);
        for function in functions.filter(|function| function.id == Id::NAVI10) {
            each(function)?;
        }
        Ok(())
    }

    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory> {
        self.0.tick();
        let world = self.0.world.borrow();
        let mut slots = world.slots.iter();
        let slot = slots.find(|slot| address_of(slot.place) == address);
        Ok(slot.and_then(function_of))
    }
}

fn node_of(folder: LinkFolder) -> u32 {
    match folder {
        LinkFolder::Io(node) | LinkFolder::PeerToPeer(node) => node,
    }
}
