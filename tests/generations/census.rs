// SPDX-License-Identifier: GPL-2.0

//! Counts the shapes of the drawn machines: a shape that is never drawn is not tested.

use std::{
    collections::BTreeMap,
    fmt, //
};

use super::{
    kfd::{
        Link,
        Node,
        FILLED,
        HYPERTRANSPORT,
        QPI,
        XGMI, //
    },
    world::{
        Driver,
        SlotNow,
        World, //
    },
};

#[derive(Default)]
pub struct Census(BTreeMap<&'static str, u64>);

impl Census {
    pub fn note(&mut self, world: &World) {
        for (name, is_so) in SHAPES {
            *self.0.entry(name).or_default() += u64::from(is_so(world));
        }
    }

    /// The first shape that was drawn fewer than `least` times.
    pub fn missing(&self, least: u64) -> Option<&'static str> {
        let mut counts = self.0.iter();
        counts
            .find(|(_, count)| **count < least)
            .map(|(name, _)| *name)
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.0 {
            writeln!(f, "{count:9} {name}")?;
        }
        Ok(())
    }
}

type Shape = (&'static str, fn(&World) -> bool);

const SHAPES: [Shape; 20] = [
    ("has several cards", |world| {
        world.nodes_of_cards().count() > 1
    }),
    ("has a NUMA node without CPUs", |world| {
        world.kfd.host.numa.iter().any(|node| !node.has_cpus)
    }),
    (
        "a link between CPUs leads to a card by its number",
        |world| {
            let is_between = |link: &Link| [HYPERTRANSPORT, QPI].contains(&link.kind);
            let nodes = world.kfd.nodes.iter().flat_map(|node| &node.direct);
            let mut links = nodes.filter(|link| is_between(link));
            links.any(|link| world.nodes_of_cards().any(|(card, _)| card == link.to))
        },
    ),
    ("a card takes itself for its CPU", |world| {
        world.nodes_of_cards().any(|(card, node)| {
            let first = node.direct.first();
            first.is_some_and(|link| link.to == card)
        })
    }),
    ("a card takes a GPU for its CPU", |world| {
        world.nodes_of_cards().any(|(card, node)| {
            let first = node.direct.first().filter(|link| link.to != card);
            let to = first.and_then(|link| world.kfd.nodes.get(link.to));
            to.is_some_and(|to| to.life.is_some())
        })
    }),
    ("KFD has no number for a card's CPU", |world| {
        world.cards().any(|slot| {
            let mut lives = slot.live.iter().filter(|_| slot.render_minor.is_some());
            lives.any(|life| world.kfd.node_of(life.id).is_none() && !life.gpu.is_refused())
        })
    }),
    ("a card has an XGMI link", |world| {
        let is_xgmi = |link: &Link| link.kind == XGMI;
        let mut cards = world.nodes_of_cards();
        cards.any(|(_, node)| node.direct.iter().chain(&node.indirect).any(is_xgmi))
    }),
    ("a GPU has an XGMI link to the CPU", |world| {
        let nodes = world.kfd.nodes.iter().filter(|node| node.cores != 0);
        let mut links = nodes.flat_map(|node| &node.direct);
        links.any(|link| link.kind == XGMI)
    }),
    ("a card's node has no function", |world| {
        !world.nodes_without_function().is_empty()
    }),
    ("a card's node is where another device sits", |world| {
        world.slots.iter().any(|slot| {
            let is_other = slot.board.as_ref().is_some_and(|board| !board.is_judged());
            is_other && slot.held().any(|life| life.gpu.is_judged())
        })
    }),
    ("another device's node is where a card sits", |world| {
        let mut cards = world.cards();
        cards.any(|slot| slot.held().any(|life| !life.gpu.is_judged()))
    }),
    ("two nodes of cards are at one place", |world| {
        world.cards().any(|slot| {
            let lives = slot.held().chain(slot.live.as_deref());
            lives
                .filter(|life| world.kfd.node_of(life.id).is_some())
                .count()
                > 1
        })
    }),
    ("a card is unbound and has a node", |world| {
        let mut cards = world.cards().filter(|slot| slot.driver == Driver::None);
        cards.any(|slot| slot.held().next().is_some())
    }),
    ("vfio-pci has a card that has a node", |world| {
        let driver = Driver::Other("vfio-pci");
        let mut cards = world.cards().filter(|slot| slot.driver == driver);
        cards.any(|slot| slot.held().next().is_some())
    }),
    ("the BAR is not what a card's node was made for", |world| {
        world.cards().any(|slot| {
            let mut lives = slot.held();
            lives.any(|life| life.visible_bytes != life.gpu.visible_bytes(slot.bar0_bytes))
        })
    }),
    ("a probe is under way beside an old node", |world| {
        let mut cards = world.cards().filter(|slot| slot.live.is_some());
        cards.any(|slot| slot.render_minor.is_none() && slot.held().next().is_some())
    }),
    ("a card's node is half-filled", |world| {
        let mut cards = world.nodes_of_cards();
        cards.any(|(_, node)| node.filled < FILLED && node.shown.properties)
    }),
    ("sysfs lacks a node", |world| {
        let mut nodes = world.kfd.nodes.iter();
        nodes.any(|node| !node.shown.properties)
    }),
    ("a card sleeps", |world| {
        world.cards().any(|slot| slot.is_asleep)
    }),
    ("the reader may not read a card's node", |world| {
        let is_denied = |node: &Node| node.life.as_ref().is_some_and(|life| life.is_denied);
        world.nodes_of_cards().any(|(_, node)| is_denied(node))
    }),
];

impl World {
    fn nodes_of_cards(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.kfd.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.life.as_ref().is_some_and(|life| life.gpu.is_judged()))
    }

    fn cards(&self) -> impl Iterator<Item = &SlotNow> {
        let is_judged =
            |slot: &&SlotNow| slot.board.as_ref().is_some_and(|board| board.is_judged());
        self.slots.iter().filter(is_judged)
    }
}
