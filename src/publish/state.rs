// SPDX-License-Identifier: GPL-2.0

//! What all files share, and the one way to get facts.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

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

use super::{
    announce::{
        self,
        Announced, //
    },
    counters::Counters,
    requests::{
        Reading,
        Requests, //
    }, //
};

/// What all files share. No facts: those are read anew each time.
#[pin_data]
pub(crate) struct State {
    sysfs: Sysfs,
    pub(crate) counters: Counters,
    /// If they are to be counted.
    pub(crate) requests: Option<Arc<Requests>>,
    /// Numbers the observations.
    observations: Atomic<u64>,
    #[pin]
    announced: Mutex<Announced>,
}

impl State {
    pub(crate) fn new(count_requests: bool) -> Result<Arc<Self>> {
        let requests = if count_requests {
            Some(Requests::new()?)
        } else {
            None
        };
        let sysfs = Sysfs::mount().inspect_err(|error| {
            pr_err!("cannot mount sysfs for reading KFD's topology: {error:?}\n");
        })?;
        Arc::pin_init(
            pin_init!(Self {
                sysfs,
                counters: Counters::default(),
                requests,
                observations: Atomic::new(0),
                announced <- new_mutex!(Announced::default()),
            }),
            GFP_KERNEL,
        )
    }

    /// Reads all facts and counts what happened.
    #[inline(never)] // Once in the module is enough.
    pub(crate) fn observe(&self, mut tally: Tally) -> Result<Snapshot<Kernel>, OutOfMemory> {
        let stamp = self.observations.fetch_add(1, Relaxed);
        let snapshot = self.read(&mut tally).and_then(|snapshot| {
            count_verdicts(&snapshot, &mut tally);
            if let Some(requests) = &self.requests {
                requests.learn(&snapshot);
            }
            self.announce(stamp, &snapshot, &mut tally)?;
            Ok(snapshot)
        });
        if snapshot.is_err() {
            bump(&mut tally.errors_no_memory);
        }
        self.counters.add(&tally);
        snapshot
    }

    /// All that the file of requests shows.
    pub(super) fn read_requests(&self, requests: &Requests) -> Result<Reading> {
        let tally = Tally {
            reads: 1,
            ..Tally::default()
        };
        // First, so that cards that have come are known when the counts are copied.
        let snapshot = self.observe(tally).map_err(|_| ENOMEM)?;
        let mut topology = KfdTopology::new(&self.sysfs).map_err(|_| ENOMEM)?;
        Ok(Reading {
            snapshot,
            probes: requests.probes(&mut topology),
            log: requests.copy()?,
        })
    }

    fn announce(
        &self,
        stamp: u64,
        snapshot: &Snapshot<Kernel>,
        tally: &mut Tally,
    ) -> Result<(), OutOfMemory> {
        let mut announced = self.announced.lock();
        announced.update(stamp, snapshot, |key, card, address| {
            match announce::send(snapshot, key, card, address) {
                Ok(()) => bump(&mut tally.lies_announced),
                Err(_) => bump(&mut tally.errors_announcing),
            }
        })
    }

    fn read(&self, tally: &mut Tally) -> Result<Snapshot<Kernel>, OutOfMemory> {
        let mut topology = KfdTopology::new(&self.sysfs)?;
        let mut bus = KernelPciBus::new(&self.sysfs)?;
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
