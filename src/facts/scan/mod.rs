// SPDX-License-Identifier: GPL-2.0

//! Reads the facts: walks over the topology and finds the cards' nodes.

mod links;
mod read;
mod settle;

use super::{
    map::{
        count,
        Map,
        Maps,
        OutOfMemory, //
    },
    node::{
        BankProperties,
        Basis,
        Node,
        NodeProperties, //
    },
    pci::{
        Address,
        Function,
        Id,
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

use self::links::Origin;

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
    /// All nodes that were read: links of theirs may lead to cards.
    origins: M::Map<u32, Origin>,
    /// The locations of GPUs' nodes that do not say in which PCI domain.
    without_domain: M::Map<u64, ()>,
    /// How many nodes of GPUs print each address.
    gpus_at: M::Map<Address, u32>,
    /// Whether the numbers of the nodes have a gap. KFD makes one when it takes a node away, and then
    /// renumbers the ends of links, and the folders only later (`kfd_topology_remove_device()`,
    /// `kfd_topology.c`).
    has_gap: bool,
    /// Nodes are listed whose properties could not be read.
    unread_nodes: bool,
    /// Nodes that went, or that KFD is still filling in: a later walk may see more.
    unfinished_nodes: bool,
}

impl<'a, M: Maps, T: Topology> Walk<'a, M, T> {
    fn new(topology: &'a mut T, tally: &'a mut Tally, pci_known: bool) -> Self {
        Self {
            topology,
            tally,
            snapshot: Snapshot::new(pci_known),
            next_card: 0,
            origins: Default::default(),
            without_domain: Default::default(),
            gpus_at: Default::default(),
            has_gap: false,
            unread_nodes: false,
            unfinished_nodes: false,
        }
    }

    /// Reads all nodes, and those of cards in full.
    fn run<B: PciBus>(
        &mut self,
        functions: &M::Map<Address, Function>,
        mut bus: Option<&mut B>,
    ) -> Result<(), OutOfMemory> {
        for function in functions.values() {
            self.card(Some(function.address), Some(*function))?;
        }
        match self.list(Folder::Nodes)? {
            Ok(nodes) => {
                let mut numbers = (0..u32::MAX).zip(nodes.iter());
                self.has_gap = numbers.any(|(place, (&number, ()))| place != number);
                for (&number, ()) in nodes.iter() {
                    self.node(number, bus.as_deref_mut())?;
                }
            }
            Err(ReadError::Absent) => self.snapshot.kfd = Presence::Absent,
            Err(_) => self.snapshot.kfd = Presence::Unreadable,
        }
        self.all_links()
    }

    /// Reads a node, and if it is a card's, all that belongs to it.
    fn node<B: PciBus>(&mut self, number: u32, bus: Option<&mut B>) -> Result<(), OutOfMemory> {
        bump(&mut self.tally.nodes);
        let properties = match self.properties::<NodeProperties>(File::Node(number))? {
            Ok(properties) => properties,
            Err(error) => {
                self.unread_nodes = true;
                return match error {
                    ReadError::Absent => Ok(()),
                    _ => self.snapshot.hiding.insert(number, None),
                };
            }
        };
        let mut node = Node::new(number, properties);
        if node.may_hide_a_card(self.snapshot.pci_known) {
            self.snapshot.hiding.insert(number, Some(properties))?;
        }
        self.note_missing_domain(&node)?;
        self.note_address(&node)?;
        let known = self.card_of(&node);
        if known.is_none() && !node.claims_navi10() {
            // Another device, unless KFD has still to say which.
            self.unfinished_nodes |= node.is_unidentified() || node.is_unfinished_apu();
            return self.origins.insert(number, Origin::of(&node, None));
        }

        node.gpu_id = self.number(File::GpuId(number))?;
        let is_filled = !node.is_half_filled();
        let key = match known {
            Some(key) => key,
            None => {
                let function = match (bus, node.address()) {
                    (Some(bus), Some(address)) if is_filled => bus.function_at(address)?,
                    _ => None,
                };
                self.card(node.address(), function)?
            }
        };
        let nodes = self.snapshot.cards.get(&key).map_or(0, |card| card.nodes);
        let place = (key, nodes);
        self.origins
            .insert(number, Origin::of(&node, Some(place)))?;
        if self.banks(place, &mut node)? && is_filled && !node.is_half_gone() {
            node.basis = Basis::Device;
        } else {
            self.unfinished_nodes = true;
        }
        self.add_node(place, node, Presence::Present)
    }

    /// The card that `node` belongs to by its address, if it is known already.
    fn card_of(&self, node: &Node) -> Option<u32> {
        let (key, card) = self.snapshot.card_at(node.address()?)?;
        let has_domain = node.properties.domain() != Value::Absent;
        let belongs = match card.function {
            // Whatever it claims to be: the card may be called another device.
            Some(function) if function.id == Id::NAVI10 => has_domain || node.claims_navi10(),
            // Without a domain it may sit elsewhere.
            _ => has_domain && node.claims_navi10(),
        };
        belongs.then_some(key)
    }

    /// Counts the GPUs' nodes at an address. A CPU's node prints none, unless it is an APU's.
    fn note_address(&mut self, node: &Node) -> Result<(), OutOfMemory> {
        let Some(address) = node.address() else {
            return Ok(());
        };
        match self.gpus_at.get_mut(&address) {
            Some(gpus) => *gpus = gpus.saturating_add(1),
            None => self.gpus_at.insert(address, 1)?,
        }
        Ok(())
    }

    /// Adds a card that has no node yet; returns its key.
    fn card(
        &mut self,
        address: Option<Address>,
        function: Option<Function>,
    ) -> Result<u32, OutOfMemory> {
        let key = self.next_card;
        self.next_card = key.saturating_add(1);
        let card = Card {
            address,
            function,
            presence: Presence::Absent,
            nodes: 0,
        };
        self.snapshot.cards.insert(key, card)?;
        if let Some(address) = address {
            if self.snapshot.places.get(&address).is_none() {
                self.snapshot.places.insert(address, key)?;
            }
        }
        Ok(key)
    }

    /// Adds a node to a card.
    fn add_node(
        &mut self,
        place: (u32, u32),
        node: Node,
        presence: Presence,
    ) -> Result<(), OutOfMemory> {
        self.snapshot.nodes.insert(place, node)?;
        let (key, count) = place;
        if let Some(card) = self.snapshot.cards.get_mut(&key) {
            card.presence = presence;
            card.nodes = count.saturating_add(1);
        }
        Ok(())
    }

    /// Reads the banks of a node; returns whether none went meanwhile.
    fn banks(&mut self, place: (u32, u32), node: &mut Node) -> Result<bool, OutOfMemory> {
        let Some(number) = node.number else {
            return Ok(false);
        };
        let numbers = match self.list(Folder::Banks(number))? {
            Ok(numbers) => numbers,
            Err(error) => {
                node.banks_found = Value::Unreadable;
                self.unknown_banks(place)?;
                return Ok(error != ReadError::Absent);
            }
        };
        node.banks_found = Value::Known(count(numbers.values()));
        let mut all = true;
        for (at, (&bank, ())) in (0..u32::MAX).zip(numbers.iter()) {
            let properties = self.properties(File::Bank(number, bank))?;
            all &= !matches!(properties, Err(ReadError::Absent));
            let properties = properties.unwrap_or_else(|_| BankProperties::unreadable());
            self.bank(place, at, Some(bank), properties)?;
        }
        Ok(all)
    }

    /// Stands for the banks of a node that could not be listed.
    fn unknown_banks(&mut self, place: (u32, u32)) -> Result<(), OutOfMemory> {
        self.bank(place, 0, None, BankProperties::unreadable())
    }

    fn bank(
        &mut self,
        (card, node): (u32, u32),
        at: u32,
        number: Option<u32>,
        properties: BankProperties,
    ) -> Result<(), OutOfMemory> {
        let bank = Bank { number, properties };
        self.snapshot.banks.insert((card, node, at), bank)
    }
}
