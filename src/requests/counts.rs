// SPDX-License-Identifier: GPL-2.0

//! The counters.
//!
//! A card's counters are found by its gpu_id, without a lock. Only ids that the module has seen in
//! KFD's topology have a place of their own for good ([`Counts::learn`]): user space can make up as
//! many others as it likes. Those share one place, but for some few, which are kept apart in case
//! that KFD has just published a card that the module has not looked at yet.

use super::{
    kind::{
        is_svm_fine,
        is_svm_flags,
        policies,
        queue,
        svm_attribute,
        svm_grain,
        svm_operation,
        Allocation,
        POLICY_PAIRS,
        QUEUES,
        SVM_ATTRIBUTES,
        SVM_GRAINS,
        SVM_OPERATIONS, //
    },
    word::Word,
};

/// How many cards can have counters of their own; a card that is taken away and comes back with
/// another id counts anew.
pub const CARDS: usize = 16;

/// How many ids that were not seen in the topology are kept apart at most.
pub const STRANGERS: usize = 8;

/// The counters of one card. `W` is a [`Word`], or `u64` in a copy.
pub struct Cells<W> {
    /// By [`Allocation::number`].
    pub allocations: [W; Allocation::COUNT],
    /// By [`policies`].
    pub policies: [W; POLICY_PAIRS],
    /// By [`queue`].
    pub queues: [W; QUEUES.len()],
}

/// The counters of one id.
pub struct Row<W> {
    /// KFD's id; 0 if the row is free. No GPU has the id 0.
    pub gpu_id: W,
    /// Its counters.
    pub cells: Cells<W>,
}

/// The counters of `AMDKFD_IOC_SVM`, which names no card.
pub struct Svm<W> {
    /// By [`svm_operation`].
    pub operations: [W; SVM_OPERATIONS.len()],
    /// Of a `set` and a `get`: by [`svm_attribute`] and [`svm_grain`].
    pub attributes: [[[W; SVM_GRAINS]; SVM_ATTRIBUTES.len()]; 2],
    /// Attributes beyond those that are looked at in one request.
    pub unread_attributes: W,
}

/// All counters.
pub struct Counts<W> {
    /// Cards that were seen in the topology.
    pub cards: [Row<W>; CARDS],
    /// Ids that were not, as long as there is room.
    pub strangers: [Row<W>; STRANGERS],
    /// All other ids.
    pub other: Cells<W>,
    /// What names no card.
    pub svm: Svm<W>,
}

impl<W: Word> Counts<W> {
    /// Counts an allocation, and says what it asks for.
    #[inline]
    pub fn allocation(&self, gpu_id: u32, flags: u32) -> Allocation {
        let allocation = Allocation::of_flags(flags);
        bump(&self.cells(gpu_id).allocations, allocation.number());
        allocation
    }

    /// Counts a memory policy.
    #[inline]
    pub fn policy(&self, gpu_id: u32, default: u32, alternate: u32) {
        bump(&self.cells(gpu_id).policies, policies(default, alternate));
    }

    /// Counts a queue.
    #[inline]
    pub fn queue(&self, gpu_id: u32, queue_type: u32) {
        bump(&self.cells(gpu_id).queues, queue(queue_type));
    }

    /// Counts an `AMDKFD_IOC_SVM` with these attributes (type and value) and `unread` more, which
    /// only matter if it is a `set` or a `get`. Gives the flags that ask for fine grain.
    #[inline]
    pub fn svm(
        &self,
        operation: u32,
        attributes: impl Iterator<Item = (u32, u32)>,
        unread: u32,
    ) -> Option<u32> {
        let operation = svm_operation(operation);
        bump(&self.svm.operations, operation);
        let counts = self.svm.attributes.get(operation)?;
        let mut fine = None;
        for (kind, value) in attributes {
            let mut grain = 0;
            // The values that a `get` gives in mean nothing.
            if operation == 0 && is_svm_flags(kind) {
                grain = svm_grain(value);
                if is_svm_fine(kind, grain) {
                    fine = Some(value);
                }
            }
            if let Some(counts) = counts.get(svm_attribute(kind)) {
                bump(counts, grain);
            }
        }
        if unread != 0 {
            self.svm.unread_attributes.add(unread.into());
        }
        fine
    }

    /// Gives an id of the topology counters of its own. `false` if there is no room for more.
    pub fn learn(&self, gpu_id: u32) -> bool {
        let id = u64::from(gpu_id);
        id != 0
            && self.cards.iter().any(|row| {
                let there = row.gpu_id.claim(id);
                there == 0 || there == id
            })
    }

    /// The counters to use for an id.
    #[inline]
    fn cells(&self, gpu_id: u32) -> &Cells<W> {
        let id = u64::from(gpu_id);
        if id == 0 {
            return &self.other;
        }
        let first = self.cards.first();
        match first.filter(|row| row.gpu_id.load() == id) {
            Some(row) => &row.cells,
            None => self.search(id),
        }
    }

    /// The counters to use for an id that is not the first card's.
    #[inline(never)]
    fn search(&self, id: u64) -> &Cells<W> {
        for row in &self.cards {
            match row.gpu_id.load() {
                there if there == id => return &row.cells,
                0 => break,
                _ => (),
            }
        }
        self.stranger(id)
    }

    /// The counters to use for an id that the topology has not shown. There is one place for each, so
    /// that a program that makes up many does not pay for it; who comes second is one of the others.
    #[inline(always)] // [`Self::search`] alone calls it.
    fn stranger(&self, id: u64) -> &Cells<W> {
        let Some(row) = self.strangers.get(id as usize % STRANGERS) else {
            return &self.other;
        };
        let there = match row.gpu_id.load() {
            0 => row.gpu_id.claim(id),
            there => there,
        };
        if there == 0 || there == id {
            &row.cells
        } else {
            &self.other
        }
    }

    /// Copies all counters. Each is as it was at one moment, but not all at the same.
    pub fn copy_to(&self, copy: &mut Counts<u64>) {
        let rows = self.cards.iter().chain(&self.strangers);
        let copies = copy.cards.iter_mut().chain(&mut copy.strangers);
        for (from, to) in rows.zip(copies) {
            to.gpu_id = from.gpu_id.load();
            if to.gpu_id != 0 {
                copy_cells(&from.cells, &mut to.cells);
            }
        }
        copy_cells(&self.other, &mut copy.other);
        copy_words(&self.svm.operations, &mut copy.svm.operations);
        let attributes = self.svm.attributes.as_flattened().as_flattened();
        let copies = copy.svm.attributes.as_flattened_mut().as_flattened_mut();
        copy_words(attributes, copies);
        copy.svm.unread_attributes = self.svm.unread_attributes.load();
    }
}

impl Counts<u64> {
    /// Gives what was counted for ids without a row of their own to the card that has the id by now,
    /// or to all others.
    pub fn settle(&mut self) {
        for stranger in &mut self.strangers {
            let id = core::mem::take(&mut stranger.gpu_id);
            if id == 0 {
                continue;
            }
            let row = self.cards.iter_mut().find(|row| row.gpu_id == id);
            let cells = row.map_or(&mut self.other, |row| &mut row.cells);
            let stranger = &mut stranger.cells;
            move_words(&mut stranger.allocations, &mut cells.allocations);
            move_words(&mut stranger.policies, &mut cells.policies);
            move_words(&mut stranger.queues, &mut cells.queues);
        }
    }

    /// The counters of cards, each with its id.
    pub fn cards(&self) -> impl Iterator<Item = (u64, &Cells<u64>)> {
        let rows = self.cards.iter().map(|row| (row.gpu_id, &row.cells));
        rows.take_while(|(id, _)| *id != 0)
    }

    /// The counters of cards, and those of all others.
    pub fn all(&self) -> impl Iterator<Item = &Cells<u64>> {
        self.cards()
            .map(|(_, cells)| cells)
            .chain(core::iter::once(&self.other))
    }
}

/// The sum of the counters whose place has these bits of the mask set, and no others of it.
#[inline(never)]
pub fn sum(counts: &[u64], mask: u32, bits: u32) -> u64 {
    let places = (0..u32::MAX).zip(counts);
    places
        .filter(|(place, _)| place & mask == bits)
        .fold(0, |sum: u64, (_, count)| sum.wrapping_add(*count))
}

/// The sum of all of them.
pub fn all(counts: &[u64]) -> u64 {
    sum(counts, 0, 0)
}

#[inline]
fn bump<W: Word>(words: &[W], number: usize) {
    if let Some(word) = words.get(number) {
        word.add(1);
    }
}

#[inline(never)]
fn copy_cells<W: Word>(from: &Cells<W>, to: &mut Cells<u64>) {
    copy_words(&from.allocations, &mut to.allocations);
    copy_words(&from.policies, &mut to.policies);
    copy_words(&from.queues, &mut to.queues);
}

#[inline(never)] // Once in the module is enough.
fn copy_words<W: Word>(from: &[W], to: &mut [u64]) {
    for (from, to) in from.iter().zip(to) {
        *to = from.load();
    }
}

#[inline(never)]
fn move_words(from: &mut [u64], to: &mut [u64]) {
    for (from, to) in from.iter_mut().zip(to) {
        *to = to.wrapping_add(core::mem::take(from));
    }
}
