// SPDX-License-Identifier: GPL-2.0

//! Reads the facts: walks over the topology and finds the cards' nodes.

mod links;
mod places;
mod read;

use super::{
    map::{
        count,
        Map,
        Maps,
        OutOfMemory, //
    },
    node::{
        BankProperties,
        Links,
        Node,
        NodeProperties, //
    },
    pci::{
        Address,
        Function,
        Id,
        Occupant,
        PciBus, //
    },
    properties::Properties,
    snapshot::{
        Bank,
        Card,
        Presence,
        Snapshot, //
    },
    tally::{
        bump,
        Tally, //
    },
    topology::{
        File,
        Folder,
        ReadError,
        Topology, //
    },
    value::Value,
};

/// What one walk over the topology found.
pub struct Walked<M: Maps> {
    /// The facts.
    pub snapshot: Snapshot<M>,
    /// KFD's count of changes when the walk began.
    pub generation: Value,
    /// Whether KFD kept still, as far as can be seen: the same generation before and after, and no
    /// node that is half filled in or half taken away.
    pub calm: bool,
}

/// Walks over the topology once.
///
/// `bus` is `None` where the PCI core can't be asked. Fails only for want of memory: whatever KFD
/// does becomes a fact.
pub fn walk<M: Maps, T: Topology, B: PciBus>(
    topology: &mut T,
    mut bus: Option<&mut B>,
    tally: &mut Tally,
) -> Result<Walked<M>, OutOfMemory> {
    bump(&mut tally.scans);
    let mut functions = Default::default();
    if let Some(bus) = bus.as_deref_mut() {
        bus.cards::<M>(&mut functions)?;
    }
    let mut walk = Walk::<M, T>::new(topology, tally, bus.is_some());
    let generation = walk.number(File::GenerationId)?;
    walk.run(&functions, bus)?;
    let same_generation =
        generation == walk.number(File::GenerationId)? && generation != Value::Unreadable;
    walk.settle(same_generation)?;
    Ok(Walked {
        calm: same_generation && !walk.unfinished_nodes,
        generation,
        snapshot: walk.snapshot,
    })
}

/// One walk over the topology.
struct Walk<'a, M: Maps, T: Topology> {
    topology: &'a mut T,
    tally: &'a mut Tally,
    snapshot: Snapshot<M>,
    /// The key of the next card.
    next_card: u32,
    /// Nodes with CPU cores, whose links lead to cards.
    cpu_nodes: M::Map<u32, NodeProperties>,
    /// Nodes that went, or that KFD is still filling in: a later walk may see more.
    unfinished_nodes: bool,
}

impl<'a, M: Maps, T: Topology> Walk<'a, M, T> {
    fn new(topology: &'a mut T, tally: &'a mut Tally, pci_known: bool) -> Self {
        Self {
            topology,
            tally,
            snapshot: Snapshot {
                pci_known,
                kfd: Presence::Present,
                unreadable_nodes: false,
                cards: Default::default(),
                places: Default::default(),
                banks: Default::default(),
            },
            next_card: 0,
            cpu_nodes: Default::default(),
            unfinished_nodes: false,
        }
    }

    /// Reads all nodes, and those of cards in full.
    fn run<B: PciBus>(
        &mut self,
        functions: &M::Map<Address, Function>,
        mut bus: Option<&mut B>,
    ) -> Result<(), OutOfMemory> {
        for &function in functions.values() {
            self.card(Some(function), Occupant::Function(function.id))?;
        }
        match self.list(Folder::Nodes)? {
            Ok(nodes) => {
                for (&number, ()) in nodes.iter() {
                    self.node(number, functions, bus.as_deref_mut())?;
                }
            }
            Err(ReadError::Absent) => self.snapshot.kfd = Presence::Absent,
            Err(_) => self.snapshot.kfd = Presence::Unreadable,
        }
        self.links_from_cpu()
    }

    /// Reads a node, and if it is a card's, all that belongs to it.
    fn node<B: PciBus>(
        &mut self,
        number: u32,
        functions: &M::Map<Address, Function>,
        bus: Option<&mut B>,
    ) -> Result<(), OutOfMemory> {
        bump(&mut self.tally.nodes);
        let properties = match self.properties::<NodeProperties>(File::Node(number))? {
            Ok(properties) => properties,
            Err(ReadError::Absent) => return Ok(()),
            Err(_) => {
                self.snapshot.unreadable_nodes = true;
                return Ok(());
            }
        };
        let mut node = Node {
            number,
            gpu_id: Value::Absent,
            properties,
            banks_found: Value::Absent,
            links: Links::default(),
        };
        if node.has_cpu() {
            self.cpu_nodes.insert(number, properties)?;
        }
        // Also of one that claims to be a card, but not where: the card on the bus may be it.
        self.snapshot.unreadable_nodes |= node.may_be_anything();
        let address = node.address();
        let function = address.and_then(|address| functions.get(&address));
        if function.is_none() && !node.claims(Id::NAVI10.vendor, Id::NAVI10.device) {
            // Another device, unless KFD has still to say which.
            self.unfinished_nodes |= node.is_unidentified();
            return Ok(());
        }

        node.gpu_id = self.number(File::GpuId(number))?;
        let mut settled = !node.is_half_filled();
        let occupant = match (function, address, bus) {
            (Some(function), _, _) => Occupant::Function(function.id),
            // Its place is not filled in yet.
            (None, _, Some(_)) if !settled => Occupant::Unknown,
            (None, Some(address), Some(bus)) => bus.occupant(address),
            _ => Occupant::Unknown,
        };
        let on_the_bus = function.and_then(|function| self.snapshot.card_at(function.address));
        let key = match on_the_bus {
            Some((key, card)) if card.node.is_none() => key,
            // KFD gives a card one node: what a second one at its place is, is not known.
            Some(_) => {
                settled = false;
                self.card(None, occupant)?
            }
            None => self.card(None, occupant)?,
        };
        settled &= self.banks(key, &mut node)?;
        let (links, complete) = self.own_links(number, &properties)?;
        node.links = links;
        settled &= complete && !node.is_half_gone();
        self.unfinished_nodes |= !settled;
        if let Some(card) = self.snapshot.cards.get_mut(&key) {
            card.presence = Presence::Present;
            card.node = Some(node);
            card.settled = settled;
        }
        Ok(())
    }

    /// Adds a card that has no node yet; returns its key.
    fn card(&mut self, function: Option<Function>, occupant: Occupant) -> Result<u32, OutOfMemory> {
        let key = self.next_card;
        self.next_card = key.saturating_add(1);
        let card = Card {
            function,
            occupant,
            presence: Presence::Absent,
            node: None,
            settled: true,
        };
        self.snapshot.cards.insert(key, card)?;
        if let Some(function) = function {
            self.snapshot.places.insert(function.address, key)?;
        }
        Ok(key)
    }

    /// Reads the banks of a card; returns whether none went meanwhile.
    fn banks(&mut self, card: u32, node: &mut Node) -> Result<bool, OutOfMemory> {
        let numbers = match self.list(Folder::Banks(node.number))? {
            Ok(numbers) => numbers,
            Err(error) => {
                node.banks_found = Value::Unreadable;
                self.unknown_banks(card)?;
                return Ok(error != ReadError::Absent);
            }
        };
        node.banks_found = Value::Known(count(numbers.values()));
        let mut all = true;
        for (&number, ()) in numbers.iter() {
            let properties = self.properties(File::Bank(node.number, number))?;
            all &= !matches!(properties, Err(ReadError::Absent));
            let properties = properties.unwrap_or_else(|_| BankProperties::unreadable());
            self.bank(card, Some(number), properties)?;
        }
        Ok(all)
    }

    /// Stands for the banks of a card that could not be listed.
    fn unknown_banks(&mut self, card: u32) -> Result<(), OutOfMemory> {
        self.bank(card, None, BankProperties::unreadable())
    }

    fn bank(
        &mut self,
        card: u32,
        number: Option<u32>,
        properties: BankProperties,
    ) -> Result<(), OutOfMemory> {
        let bank = Bank {
            card,
            number,
            properties,
        };
        let earlier = count(self.snapshot.banks_of(card));
        let earlier = u32::try_from(earlier).unwrap_or(u32::MAX);
        self.snapshot.banks.insert((card, earlier), bank)
    }

    /// Decides what the walk as a whole means for each card.
    fn settle(&mut self, same_generation: bool) -> Result<(), OutOfMemory> {
        let nodes_missed = !same_generation
            || self.unfinished_nodes
            || self.snapshot.unreadable_nodes
            || self.snapshot.kfd == Presence::Unreadable;
        self.doubt_places()?;
        for key in 0..self.next_card {
            let Some(card) = self.snapshot.cards.get_mut(&key) else {
                continue;
            };
            card.settled &= same_generation;
            if card.node.is_none() && card.presence == Presence::Absent && nodes_missed {
                card.presence = Presence::Unreadable;
                self.unknown_banks(key)?;
            }
        }
        Ok(())
    }
}
