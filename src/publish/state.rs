// SPDX-License-Identifier: GPL-2.0

//! The state that all files share, and the only way to get facts.

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
    facts::prelude::*,
    observe,
    raw::{
        credentials::with_kernel_credentials,
        sysfs::Sysfs, //
    },
    readers::{
        Detail,
        KernelPciBus,
        KfdTopology, //
    },
    rules::*, //
};

use super::{
    announce::{
        self,
        Announced, //
    },
    counters::Counters, //
};

/// The state that all files share. It holds no facts: every read gathers them anew.
#[pin_data]
pub(crate) struct State {
    sysfs: Arc<Sysfs>,
    pub(crate) counters: Counters,
    /// The number of observations so far, for their stamps.
    observations: Atomic<u64>,
    #[pin]
    announced: Mutex<Announced>,
}

impl State {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let sysfs = Sysfs::mount().and_then(|sysfs| Ok(Arc::new(sysfs, GFP_KERNEL)?));
        let sysfs = sysfs.inspect_err(|error| {
            pr_err!("cannot mount sysfs for reading KFD's topology: {error:?}\n");
        })?;
        Arc::pin_init(
            pin_init!(Self {
                sysfs,
                counters: Counters::default(),
                observations: Atomic::new(0),
                announced <- new_mutex!(Announced::none()),
            }),
            GFP_KERNEL,
        )
    }

    /// Reads all facts, counts what happened and announces new lies.
    #[inline(never)] // One copy keeps the module small.
    pub(crate) fn observe(
        &self,
        detail: Detail,
        mut tally: Tally,
    ) -> Result<Snapshot, OutOfMemory> {
        let stamp = self.observations.fetch_add(1, Relaxed);
        let snapshot = with_kernel_credentials(|| self.read(detail, &mut tally));
        let announced = snapshot.and_then(|snapshot| {
            self.announce(stamp, &snapshot, &mut tally)?;
            Ok(snapshot)
        });
        if announced.is_err() {
            bump(&mut tally.errors_no_memory);
        }
        self.counters.add(&tally);
        announced
    }

    fn announce(
        &self,
        stamp: u64,
        snapshot: &Snapshot,
        tally: &mut Tally,
    ) -> Result<(), OutOfMemory> {
        self.announced
            .lock()
            .update(
                stamp,
                snapshot,
                tally.verdicts_lie > 0,
                |card, address| match announce::send(snapshot, card, address) {
                    Ok(()) => bump(&mut tally.lies_announced),
                    Err(_) => bump(&mut tally.errors_announcing),
                },
            )
    }

    fn read(&self, detail: Detail, tally: &mut Tally) -> Result<Snapshot, OutOfMemory> {
        let mut topology = KfdTopology::new(&self.sysfs, detail)?;
        let mut bus = KernelPciBus::new(&self.sysfs, detail)?;
        let snapshot = observe::observe(&mut topology, Some(&mut bus), tally)?;
        count_verdicts(&snapshot, tally);
        Ok(snapshot)
    }
}

fn count_verdicts(snapshot: &Snapshot, tally: &mut Tally) {
    for card in snapshot.cards() {
        // The closure never fails.
        let _ = findings(snapshot, card, About::Card, &mut |finding| {
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
