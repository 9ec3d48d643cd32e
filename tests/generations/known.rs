// SPDX-License-Identifier: GPL-2.0

//! Facts that the generator knows about a machine, without reading KFD's files.

use super::{
    host::Age,
    kfd::{
        Node,
        ADDRESSED,
        FILLED, //
    },
    life::Life,
    machine::{
        Machine,
        Place,
        Source, //
    },
    pci::Contents,
    world::{
        Driver,
        SlotNow,
        World, //
    },
};

impl World {
    /// The PCI location that a node prints.
    fn printed_place(&self, node: &Node) -> Option<Place> {
        let life = node.life.as_ref()?;
        let has_domain = self.kfd.host.age >= Age::Old;
        (node.filled >= ADDRESSED).then_some(Place {
            domain: if has_domain { life.place.domain } else { 0 },
            ..life.place
        })
    }

    /// The nodes that print that location.
    fn nodes_at(&self, place: Place) -> Vec<&Node> {
        let nodes = self.kfd.nodes.iter();
        nodes
            .filter(|node| self.printed_place(node) == Some(place))
            .collect()
    }

    /// Whether a file of PCI facts suffices to distinguish live nodes from old ones.
    ///
    /// Such a file does not name render nodes. If it omits drivers, or names amdgpu during a probe,
    /// the module takes a node that is the only one at its location for the live one.
    fn file_suffices(&self, contents: Contents) -> bool {
        self.slots.iter().all(|slot| {
            let is_compared = !contents.drivers || slot.driver == Driver::Amdgpu;
            let is_live = |node: &&Node| slot.live.as_ref().is_some_and(|own| node.is_of(own.id));
            let nodes = self.nodes_at(slot.place);
            let is_readable = |node: &Node| node.life.as_ref().is_some_and(|life| !life.is_denied);
            let is_complete =
                |node: &&&Node| node.filled == FILLED && node.shown.properties && is_readable(node);
            let complete = nodes.iter().filter(is_complete).count();
            slot.board.is_none() || !is_compared || complete > 1 || nodes.iter().all(is_live)
        })
    }

    /// The source of PCI facts: the PCI core instead of a file that does not suffice.
    pub fn source(&self, machine: &Machine) -> Source {
        match machine.source {
            Source::File(contents) if !self.file_suffices(contents) => Source::Core,
            source => source,
        }
    }

    /// Whether there are old nodes. Only a second node at their location reveals them.
    pub fn has_held(&self) -> bool {
        self.slots.iter().any(|slot| slot.held().next().is_some())
    }

    /// Whether some of KFD's files cannot be read.
    pub fn has_denied(&self) -> bool {
        let mut lives = self.kfd.nodes.iter().filter_map(|node| node.life.as_ref());
        lives.any(|life| life.is_denied)
    }

    /// The number of the node of the card in a slot, if amdgpu drives the card and has finished its
    /// probe, and no other node prints its location.
    pub fn undisturbed_node_of(&self, slot: &SlotNow) -> Option<usize> {
        let board = slot.board.as_ref()?;
        let live = slot.live.as_ref()?;
        let is_driven = slot.driver == Driver::Amdgpu && slot.render_minor == Some(live.minor);
        let number = self.kfd.node_of(live.id)?;
        let node = &self.kfd.nodes[number];
        let place = self.printed_place(node)?;
        let is_alone = self.nodes_at(place).len() == 1 && self.is_placed(slot);
        let is_plain = board.is_judged() && is_driven && is_alone && node.filled == FILLED;
        is_plain.then_some(number)
    }

    /// Whether the location that the slot's node prints belongs to the slot, and to no other slot.
    fn is_placed(&self, slot: &SlotNow) -> bool {
        let own = slot.place;
        let is_same = |place: Place| (place.bus, place.device) == (own.bus, own.device);
        let has_domain = self.kfd.host.age >= Age::Old;
        // Such a kernel prints zeros before it sets the location.
        let is_printed = own.domain == 0 && own.location() != 0;
        has_domain
            || is_printed && {
                let slots = self.slots.iter().map(|slot| slot.place);
                let lives = self.kfd.nodes.iter().filter_map(|node| node.life.as_ref());
                let others = lives.filter(|life| !slot.is_live(life));
                let others = others
                    .map(|life| life.place)
                    .chain(slots.filter(|place| *place != own));
                !others.into_iter().any(is_same)
            }
    }

    /// Whether KFD has no node that belongs, or may belong, to the card in a slot.
    pub fn is_absent(&self, slot: &SlotNow) -> bool {
        let is_judged = slot.board.as_ref().is_some_and(|board| board.is_judged());
        let has_domain = self.kfd.host.age >= Age::Old;
        is_judged && has_domain && self.nodes_at(slot.place).is_empty()
    }

    /// The folder numbers of cards' nodes at locations without a function.
    pub fn nodes_without_function(&self) -> Vec<u32> {
        let has_function = |place: Place| {
            let mut slots = self.slots.iter();
            slots.any(|slot| slot.place == place && slot.board.is_some())
        };
        let is_left = |node: &&Node| {
            let place = self.printed_place(node);
            let is_judged = node.life.as_ref().is_some_and(|life| life.gpu.is_judged());
            is_judged && place.is_some_and(|place| !has_function(place))
        };
        let left = self.kfd.nodes.iter().filter(is_left);
        left.filter_map(|node| node.shown.number).collect()
    }
}

impl SlotNow {
    fn is_live(&self, life: &Life) -> bool {
        self.live.as_ref().is_some_and(|live| live.id == life.id)
    }
}
