// SPDX-License-Identifier: GPL-2.0

//! Reads the facts: walks over the topology and finds the cards' nodes.

mod links;
mod read;
mod settle;

use super::prelude::*;

/// The result of one walk over the topology.
pub struct Walked {
    /// The facts.
    pub snapshot: Snapshot,
    /// KFD's generation count when the walk began.
    pub generation: Value,
    /// Whether KFD changed nothing, as far as visible: it shows the same generation before and
    /// after, and no node that is half filled in or half removed.
    pub stable: bool,
}

/// Walks over the topology once.
///
/// `bus` is `None` if the PCI core cannot be asked. Fails only if memory runs out: any behaviour of
/// KFD becomes a fact.
pub fn walk<T: Topology, B: PciBus>(
    topology: &mut T,
    mut bus: Option<&mut B>,
    tally: &mut Tally,
) -> Result<Walked, OutOfMemory> {
    bump(&mut tally.scans);
    let mut walk = Walk::<T> {
        topology,
        tally,
        snapshot: Snapshot::new(bus.is_some()),
        has_gap: false,
        unread_nodes: false,
        unfinished_nodes: false,
    };
    if let Some(bus) = bus.as_deref_mut() {
        bus.cards(|function| walk.card(CardKey::OnBus(function.address), Some(function)))?;
    }
    let generation = walk.number(File::GenerationId)?;
    let numbers = walk.nodes(bus)?;
    let same_generation =
        generation == walk.number(File::GenerationId)? && generation != Value::Unreadable;
    walk.settle(same_generation, &numbers);
    Ok(Walked {
        stable: same_generation && !walk.unfinished_nodes,
        generation,
        snapshot: walk.snapshot,
    })
}

struct Walk<'a, T: Topology> {
    topology: &'a mut T,
    tally: &'a mut Tally,
    snapshot: Snapshot,
    /// Whether the numbers of the nodes have a gap. KFD leaves one when it removes a node. It then
    /// renumbers the ends of links, and the folders only later (`kfd_topology_remove_device()`,
    /// `kfd_topology.c`).
    has_gap: bool,
    /// Whether the properties of a listed node could not be read.
    unread_nodes: bool,
    /// Whether a node was removed or is still being filled in: a later walk may see more.
    unfinished_nodes: bool,
}

impl<T: Topology> Walk<'_, T> {
    /// Reads all nodes, those of cards in full; returns the numbers of all.
    fn nodes<B: PciBus>(&mut self, mut bus: Option<&mut B>) -> Result<Numbers, OutOfMemory> {
        let numbers = match self.list(Folder::Nodes)? {
            Ok(numbers) => numbers,
            Err(error) => {
                self.snapshot.kfd = match error {
                    ReadError::Absent => Presence::Absent,
                    _ => Presence::Unreadable,
                };
                return Ok(Numbers::default());
            }
        };
        self.has_gap = !numbers.has_no_gap();
        self.unfinished_nodes |= self.has_gap;
        for number in numbers.iter() {
            self.node(number, bus.as_deref_mut())?;
        }
        self.all_links(&numbers)?;
        Ok(numbers)
    }

    /// Reads a node. For a card's node, reads everything that belongs to it.
    fn node<B: PciBus>(&mut self, number: u32, bus: Option<&mut B>) -> Result<(), OutOfMemory> {
        bump(&mut self.tally.nodes);
        let mut node = Node::new(number);
        if let Err(error) = self.properties(File::Node(number), &mut node.properties)? {
            self.unread_nodes = true;
            if error == ReadError::Absent {
                return Ok(());
            }
        }
        let known = self.card_of(&node);
        if known.is_none() && !node.claims_navi10() {
            // Another device, unless KFD has not filled in the device yet.
            self.unfinished_nodes |= node.is_unidentified() || node.is_unfinished_apu();
            return insert(&mut self.snapshot.nodes, number, node);
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
                let key = CardKey::InKfd(number);
                self.card(key, function)?;
                key
            }
        };
        if self.banks(number, &mut node)? && is_filled && !node.is_half_gone() {
            node.basis = Basis::Device;
        } else {
            self.unfinished_nodes = true;
        }
        self.add_node(key, number, node)
    }

    /// The known card that `node` belongs to by its address.
    fn card_of(&self, node: &Node) -> Option<CardKey> {
        let card = self.snapshot.card_at(node.address()?)?;
        let has_domain = node.properties.domain() != Value::Absent;
        let belongs = match card.function {
            // Accepts any claimed device: KFD may show the card as another device.
            Some(function) if function.id == Id::NAVI10 => has_domain || node.claims_navi10(),
            // Without a domain, the node may be in another domain.
            _ => has_domain && node.claims_navi10(),
        };
        belongs.then_some(card.key)
    }

    /// Adds a card that has no node yet.
    fn card(&mut self, key: CardKey, function: Option<Function>) -> Result<(), OutOfMemory> {
        let card = Card {
            key,
            address: function.map(|function| function.address),
            function,
            presence: Presence::Absent,
            first_node: None,
            has_more: false,
        };
        insert(&mut self.snapshot.cards, key, card)
    }

    fn add_node(&mut self, key: CardKey, number: u32, mut node: Node) -> Result<(), OutOfMemory> {
        node.card = Some(key);
        insert(&mut self.snapshot.nodes, number, node)?;
        if let Some(card) = self.snapshot.cards.get_mut(&key) {
            card.presence = Presence::Present;
            card.address = card.address.or_else(|| node.address());
            card.has_more = card.first_node.is_some();
            card.first_node = card.first_node.or(Some(number));
        }
        Ok(())
    }

    /// Reads the banks of a node; returns whether none was removed meanwhile.
    fn banks(&mut self, number: u32, node: &mut Node) -> Result<bool, OutOfMemory> {
        let numbers = match self.list(Folder::Banks(number))? {
            Ok(numbers) => numbers,
            Err(error) => {
                node.banks_found = Value::Unreadable;
                return Ok(error != ReadError::Absent);
            }
        };
        node.banks_found = Value::Known(numbers.count());
        let mut all = true;
        for (place, bank) in (0..u32::MAX).zip(numbers.iter()) {
            let mut properties = BankProperties::default();
            let read = self.properties(File::Bank(number, bank), &mut properties)?;
            all &= read != Err(ReadError::Absent);
            let bank = Bank {
                number: Some(bank),
                properties,
            };
            insert(&mut self.snapshot.banks, (number, place), bank)?;
        }
        Ok(all)
    }
}
