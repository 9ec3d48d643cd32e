// SPDX-License-Identifier: GPL-2.0

//! What all files share, and the one way to get facts.

use kernel::prelude::*;

use crate::{
    facts::{
        map::OutOfMemory,
        snapshot::Snapshot,
        tally::{
            bump,
            Tally, //
        }, //
    },
    observe,
    raw::sysfs::Sysfs,
    readers::{
        Kernel,
        KernelPciBus,
        KfdTopology, //
    },
    rules::{
        findings,
        Verdict, //
    },
};

use super::counters::Counters;

/// What all files share. No facts: those are read anew each time.
pub(crate) struct State {
    sysfs: Sysfs,
    pub(crate) counters: Counters,
}

impl State {
    pub(crate) fn new() -> Result<Self> {
        let sysfs = Sysfs::mount().inspect_err(|error| {
            pr_err!("cannot mount sysfs for reading KFD's topology: {error:?}\n");
        })?;
        Ok(Self {
            sysfs,
            counters: Counters::default(),
        })
    }

    /// Reads all facts and counts what happened.
    #[inline(never)] // Once in the module is enough.
    pub(crate) fn observe(&self, mut tally: Tally) -> Result<Snapshot<Kernel>, OutOfMemory> {
        let snapshot = self.read(&mut tally);
        match &snapshot {
            Ok(snapshot) => count_verdicts(snapshot, &mut tally),
            Err(OutOfMemory) => bump(&mut tally.errors_no_memory),
        }
        self.counters.add(&tally);
        snapshot
    }

    fn read(&self, tally: &mut Tally) -> Result<Snapshot<Kernel>, OutOfMemory> {
        let mut topology = KfdTopology::new(&self.sysfs)?;
        let mut bus = KernelPciBus::new(&self.sysfs);
        observe::observe(&mut topology, Some(&mut bus), tally)
    }
}

fn count_verdicts(snapshot: &Snapshot<Kernel>, tally: &mut Tally) {
    for (key, card) in snapshot.cards() {
        let _: Result<(), core::convert::Infallible> = findings(snapshot, key, card, |finding| {
            match finding.judgement.verdict {
                Verdict::Truth => bump(&mut tally.verdicts_truth),
                Verdict::Lie => bump(&mut tally.verdicts_lie),
                Verdict::Unknown => bump(&mut tally.verdicts_unknown),
                Verdict::Unjudged => (),
            }
            Ok(())
        });
    }
}
