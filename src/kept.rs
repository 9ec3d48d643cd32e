// SPDX-License-Identifier: GPL-2.0

//! What a walk has read, kept so that it can be asked whether all of it still says the same.
//!
//! Nothing of KFD's is believed without reading it again: each file that the walk has read is read
//! once more and compared, byte by byte, each folder is asked whether it still holds what it held,
//! and the PCI core for its functions. If all is the same, so is what the walk made of it, without
//! parsing anything. If anything differs, goes or is refused, there has to be a walk.
//!
//! Not every walk is kept, only one that needs no second look (see [`Keeping::kept`]).

use crate::facts::{
    map::{
        count,
        Map,
        Maps,
        OutOfMemory, //
    },
    pci::{
        Depth,
        Function,
        PciBus, //
    },
    snapshot::{
        Presence,
        Snapshot, //
    },
    tally::Tally,
    topology::{
        File,
        Folder,
        ReadError,
        Topology, //
    },
};

/// A topology whose files and folders can be asked again.
pub trait Keep: Topology {
    /// A file, and what it said.
    type File;
    /// A folder, and what it held.
    type Folder;

    /// As [`Topology::read`], and what is needed to ask again, if that can be had.
    fn read_to_keep(&mut self, file: File) -> Result<(&[u8], Option<Self::File>), ReadError>;

    /// As [`Topology::list`], and what is needed to ask again.
    fn list_to_keep<N: Map<u32, ()>>(
        &mut self,
        folder: Folder,
        numbers: &mut N,
    ) -> Result<Self::Folder, ReadError>;

    /// Reads the file again; whether it is still there and says the same.
    fn reads_the_same(&mut self, file: &Self::File) -> Result<bool, ReadError>;

    /// Asks the folder again; whether it is still there and holds the same, as far as that can be
    /// told when all its entries are known to be there.
    fn holds_the_same(&mut self, folder: &Self::Folder) -> Result<bool, ReadError>;
}

/// A PCI bus whose functions can be looked at again.
pub trait Look: PciBus {
    /// Calls `each` with every function that [`PciBus::cards`] would add, in no order, until it says
    /// no. What is beyond `depth` may be left as it is by default.
    fn look(
        &mut self,
        depth: Depth,
        each: &mut dyn FnMut(&Function) -> bool,
    ) -> Result<(), OutOfMemory>;
}

/// A topology that keeps what is read and listed.
pub struct Keeping<'a, M: Maps, T: Keep> {
    topology: &'a mut T,
    files: M::Map<u32, T::File>,
    folders: M::Map<u32, T::Folder>,
    generation: Option<T::File>,
    next: u32,
    /// So far nothing has failed, and there was one walk.
    worth_it: bool,
}

impl<'a, M: Maps, T: Keep> Keeping<'a, M, T> {
    /// Keeps what is read and listed through it, if that is `wanted`.
    pub fn new(topology: &'a mut T, wanted: bool) -> Self {
        Self {
            topology,
            files: Default::default(),
            folders: Default::default(),
            generation: None,
            next: 0,
            worth_it: wanted,
        }
    }

    fn number(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// What was kept, if the snapshot made of it can be shown again for as long as all of it says
    /// the same: one calm walk saw it, without errors or doubts; and of every card it holds all that
    /// is shown, as KFD knows it and the PCI core, too. What one of the two does not know depends
    /// on more than is asked again.
    pub fn kept(self, snapshot: &Snapshot<M>, tally: &Tally) -> Option<Kept<M, T>> {
        let whole = snapshot
            .cards()
            .all(|(_, card)| card.presence == Presence::Present && card.function.is_some());
        let calm = tally.scans == 1 && tally.unstable_scans == 0;
        if !(self.worth_it && calm && whole && snapshot.pci_known) {
            return None;
        }
        Some(Kept {
            files: self.files,
            folders: self.folders,
            generation: self.generation?,
            tally: *tally,
        })
    }
}

impl<M: Maps, T: Keep> Topology for Keeping<'_, M, T> {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let is_generation = file == File::GenerationId;
        if !self.worth_it || (is_generation && self.generation.is_some()) {
            return self.topology.read(file);
        }
        let number = self.number();
        // Set again below: whatever fails here is not worth it.
        self.worth_it = false;
        let (text, kept) = self.topology.read_to_keep(file)?;
        if let Some(kept) = kept {
            if is_generation {
                self.generation = Some(kept);
            } else {
                self.files.insert(number, kept)?;
            }
            self.worth_it = true;
        }
        Ok(text)
    }

    fn list<N: Map<u32, ()>>(&mut self, folder: Folder, numbers: &mut N) -> Result<(), ReadError> {
        if !self.worth_it {
            return self.topology.list(folder, numbers);
        }
        let number = self.number();
        self.worth_it = false;
        let kept = self.topology.list_to_keep(folder, numbers)?;
        self.folders.insert(number, kept)?;
        self.worth_it = true;
        Ok(())
    }

    fn wait(&mut self, attempt: u32) {
        self.worth_it = false;
        self.files = Default::default();
        self.folders = Default::default();
        self.generation = None;
        self.topology.wait(attempt);
    }
}

/// What one walk has read.
pub struct Kept<M: Maps, T: Keep> {
    files: M::Map<u32, T::File>,
    folders: M::Map<u32, T::Folder>,
    generation: T::File,
    tally: Tally,
}

/// Whether all is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Still {
    /// It is.
    Same,
    /// It is not, or it could not be read: there has to be a walk, and what was kept is of no use.
    Changed,
    /// The reader may not read all of it. Others may.
    Refused,
}

impl<M: Maps, T: Keep> Kept<M, T> {
    /// What the walk has counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Asks for everything again. `snapshot` is what was made of it. Fails only for want of memory.
    pub fn still<B: Look>(
        &self,
        snapshot: &Snapshot<M>,
        topology: &mut T,
        bus: &mut B,
        depth: Depth,
    ) -> Result<Still, OutOfMemory> {
        if !same_functions(snapshot, bus, depth)? {
            return Ok(Still::Changed);
        }
        match self.topology_is_the_same(topology) {
            Ok(true) => Ok(Still::Same),
            Ok(false) => Ok(Still::Changed),
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(ReadError::Denied) => Ok(Still::Refused),
            Err(_) => Ok(Still::Changed),
        }
    }

    fn topology_is_the_same(&self, topology: &mut T) -> Result<bool, ReadError> {
        for file in self.files.values() {
            if !topology.reads_the_same(file)? {
                return Ok(false);
            }
        }
        // After the files: a folder holds the same if it holds as many and all those are there.
        for folder in self.folders.values() {
            if !topology.holds_the_same(folder)? {
                return Ok(false);
            }
        }
        // Last: it only rises, so if it is the same now it was so all the time.
        topology.reads_the_same(&self.generation)
    }
}

/// Whether the PCI core knows the functions that the snapshot does, and says the same of them.
fn same_functions<M: Maps, B: Look>(
    snapshot: &Snapshot<M>,
    bus: &mut B,
    depth: Depth,
) -> Result<bool, OutOfMemory> {
    let mut same = true;
    let mut seen = 0u64;
    bus.look(depth, &mut |function| {
        let known = snapshot.card_at(function.address);
        let known = known.and_then(|(_, card)| card.function);
        same = known.is_some_and(|known| known.says_the_same(function, depth));
        seen = seen.saturating_add(1);
        same
    })?;
    Ok(same && seen == count(snapshot.places.values()))
}
