// SPDX-License-Identifier: GPL-2.0

//! Common parts of the tests of the core: a topology, a PCI bus, and the result of a scan.

// Each test binary uses a part of this.
#![allow(dead_code)]
#![allow(unused_imports)]

mod record;
mod tree;

pub use self::{
    record::{
        records,
        Record, //
    },
    tree::Tree, //
};

use std::path::{
    Path,
    PathBuf, //
};

use rdna1_kfd_guard::{
    facts::{
        map::OutOfMemory,
        pci::{
            Address,
            Function,
            Id,
            PciBus, //
        },
        snapshot::Snapshot,
        tally::Tally,
        value::Value, //
    },
    observe::observe,
    text, //
};

/// The folder of the captures.
pub fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("selftests/captures")
}

/// A PCI bus with only these functions.
#[derive(Clone, Default)]
pub struct Bus(pub Vec<Function>);

impl Bus {
    /// A bus with the card of [`Tree::honest`].
    pub fn honest() -> Self {
        Self(vec![Function {
            address: Address {
                domain: 0,
                location: 0x0300,
            },
            id: Id::NAVI10,
            revision: Value::Known(0xc1),
            bar0_bytes: Value::Known(8 << 30),
            ..Function::default()
        }])
    }
}

impl PciBus for Bus {
    fn cards(
        &mut self,
        each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let functions = self.0.iter().copied();
        functions
            .filter(|function| function.id == Id::NAVI10)
            .try_for_each(each)
    }

    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory> {
        let mut functions = self.0.iter();
        Ok(functions
            .find(|function| function.address == address)
            .copied())
    }
}

/// The result of a scan, and its counters.
pub struct Found {
    pub snapshot: Snapshot,
    pub tally: Tally,
}

impl Found {
    /// Scans a topology and a bus as the module does.
    pub fn of(tree: &Tree, bus: &Bus) -> Self {
        let mut tally = Tally::default();
        let snapshot = observe(&mut tree.clone(), Some(&mut bus.clone()), &mut tally).unwrap();
        Self { snapshot, tally }
    }

    /// Scans the honest card after a change.
    pub fn after(change: impl FnOnce(&mut Tree, &mut Bus)) -> Self {
        let (mut tree, mut bus) = (Tree::honest(), Bus::honest());
        change(&mut tree, &mut bus);
        Self::of(&tree, &bus)
    }

    pub fn gpus(&self) -> Vec<Record> {
        records(|page| text::gpus(&self.snapshot, page))
    }

    pub fn heaps(&self) -> Vec<Record> {
        records(|page| text::heaps(&self.snapshot, page))
    }

    pub fn flags(&self) -> Vec<Record> {
        records(|page| text::flags(&self.snapshot, page))
    }

    pub fn checks(&self) -> Vec<Record> {
        records(|page| text::checks(&self.snapshot, page))
    }

    /// Expects that no rule and no heap has the verdict `lie`.
    #[track_caller]
    pub fn expect_no_lie(&self) {
        assert_eq!(self.rules("lie"), [""; 0], "{:#?}", self.checks());
        assert!(self.heaps().iter().all(|heap| heap["verdict"] != "lie"));
    }

    /// Expects that every rule and every file gives `unknown` for the card, and still shows it.
    #[track_caller]
    pub fn expect_all_unknown(&self) {
        self.expect_no_lie();
        assert_eq!(self.rules("truth"), [""; 0]);
        assert!(!self.checks().is_empty());
        let heaps = self.heaps();
        assert_eq!(heaps.len(), 1);
        assert_eq!(heaps[0]["verdict"], "unknown");
        assert_eq!(self.gpus()[0]["verdict"], "unknown");
    }

    /// Expects `verdict` from `rule` only, and for the heap and the card.
    #[track_caller]
    pub fn expect_only(&self, rule: &str, verdict: &str) {
        assert_eq!(self.rules(verdict), [rule], "{:#?}", self.checks());
        let other = if verdict == "lie" { "unknown" } else { "lie" };
        assert_eq!(self.rules(other), [""; 0]);
        for heap in self.heaps() {
            assert_eq!(
                (heap["verdict"].as_str(), heap["rules"].as_str()),
                (verdict, rule)
            );
            // Facts about the card do not depend on KFD's claims.
            assert_eq!(heap["coarse_grained_only"], "1");
            assert_eq!(heap["fine_grained"], "0");
        }
        assert_eq!(self.flags()[0]["verdict"], verdict);
        for gpu in self.gpus() {
            assert_eq!(gpu["verdict"], verdict);
        }
    }

    /// The rules whose verdict is `verdict`, in order.
    pub fn rules(&self, verdict: &str) -> Vec<String> {
        self.checks()
            .into_iter()
            .filter(|check| check["verdict"] == verdict)
            .map(|check| check["rule"].clone())
            .collect()
    }
}
