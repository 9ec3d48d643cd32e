// SPDX-License-Identifier: GPL-2.0

//! What all files share, and the one way to get facts.

use kernel::{
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce, //
    }, //
};

use crate::{
    facts::{
        map::{
            count,
            OutOfMemory, //
        },
        pci::Depth,
        snapshot::Snapshot,
        tally::{
            bump,
            Tally, //
        }, //
    },
    kept::{
        Keeping,
        Kept,
        Still, //
    },
    observe,
    raw::sysfs::Sysfs,
    readers::{
        Kernel,
        KernelPciBus,
        KfdTopology,
        Text, //
    },
    rules::{
        findings,
        Verdict, //
    },
    text,
};

use super::{
    announce::{
        self,
        Announced, //
    },
    counters::Counters,
    requests::Requests, //
};

/// What all files share. No facts: those are read anew each time.
#[pin_data]
pub(crate) struct State {
    sysfs: Arc<Sysfs>,
    pub(crate) counters: Counters,
    /// If they are to be counted.
    pub(crate) requests: Option<Arc<Requests>>,
    /// Numbers the observations.
    observations: Atomic<u64>,
    #[pin]
    announced: Mutex<Announced>,
    /// What was read last, to be read again.
    #[pin]
    kept: Mutex<Option<Again>>,
}

/// What one walk has seen.
pub(crate) struct Seen {
    pub(crate) snapshot: Snapshot<Kernel>,
    /// The files' texts, made when they were first wanted; see [`Seen::text`].
    texts: [SetOnce<Arc<Text>>; 4],
}

impl Seen {
    /// The text of a file, made by `write`, or the one that was made of the same facts before.
    pub(super) fn text(
        &self,
        file: usize,
        write: fn(&Snapshot<Kernel>, &mut dyn fmt::Write) -> fmt::Result,
    ) -> Result<Arc<Text>> {
        let place = self.texts.get(file);
        if let Some(text) = place.and_then(SetOnce::as_ref) {
            return Ok(text.clone());
        }
        let text = Text::written(|out| write(&self.snapshot, out))?;
        let cards = count(self.snapshot.cards());
        if let (true, Some(place)) = (text.bytes() <= cards.saturating_mul(KEPT_TEXT), place) {
            place.populate(text.clone());
        }
        Ok(text)
    }
}

/// How long a text is kept, in bytes a card. What is longer is made anew each time, so that all that
/// is kept of a card stays below a page.
const KEPT_TEXT: u64 = 512;

/// What it takes to see whether all is still as it was seen.
struct Again {
    seen: Arc<Seen>,
    topology: KfdTopology,
    bus: KernelPciBus,
    files: Kept<Kernel, KfdTopology>,
}

impl Again {
    fn still(&mut self, depth: Depth) -> Result<Still, OutOfMemory> {
        let snapshot = &self.seen.snapshot;
        self.files
            .still(snapshot, &mut self.topology, &mut self.bus, depth)
    }
}

impl State {
    pub(crate) fn new(count_requests: bool) -> Result<Arc<Self>> {
        let requests = if count_requests {
            Some(Requests::new()?)
        } else {
            None
        };
        let sysfs = Sysfs::mount().and_then(|sysfs| Ok(Arc::new(sysfs, GFP_KERNEL)?));
        let sysfs = sysfs.inspect_err(|error| {
            pr_err!("cannot mount sysfs for reading KFD's topology: {error:?}\n");
        })?;
        Arc::pin_init(
            pin_init!(Self {
                sysfs,
                kept <- new_mutex!(None),
                counters: Counters::default(),
                requests,
                observations: Atomic::new(0),
                announced <- new_mutex!(Announced::default()),
            }),
            GFP_KERNEL,
        )
    }

    /// Reads all facts and counts what happened. What is beyond `depth` may be older.
    #[inline(never)] // Once in the module is enough.
    pub(crate) fn observe(&self, depth: Depth, mut tally: Tally) -> Result<Arc<Seen>, OutOfMemory> {
        let stamp = self.observations.fetch_add(1, Relaxed);
        let seen = self
            .read(depth, &mut tally)
            .and_then(|(seen, is_new)| self.take_in(stamp, seen, is_new, &mut tally));
        if seen.is_err() {
            bump(&mut tally.errors_no_memory);
        }
        self.counters.add(&tally);
        seen
    }

    /// Tells whom it concerns what was seen.
    fn take_in(
        &self,
        stamp: u64,
        seen: Arc<Seen>,
        is_new: bool,
        tally: &mut Tally,
    ) -> Result<Arc<Seen>, OutOfMemory> {
        if is_new {
            if let Some(requests) = &self.requests {
                requests.learn(&seen.snapshot);
            }
        }
        self.announce(stamp, &seen.snapshot, is_new, tally)?;
        Ok(seen)
    }

    /// The text of the file of requests.
    pub(super) fn read_requests(&self, requests: &Requests, tally: Tally) -> Result<Arc<Text>> {
        // First, so that cards that have come are known when the counts are copied.
        let seen = self.observe(Depth::Identity, tally).map_err(|_| ENOMEM)?;
        let mut topology = KfdTopology::new(&self.sysfs).map_err(|_| ENOMEM)?;
        let probes = requests.probes(&mut topology);
        let log = requests.copy()?;
        Text::written(|out| text::requests(&seen.snapshot, &probes, &log, out))
    }

    fn announce(
        &self,
        stamp: u64,
        snapshot: &Snapshot<Kernel>,
        is_new: bool,
        tally: &mut Tally,
    ) -> Result<(), OutOfMemory> {
        let mut announced = self.announced.lock();
        // Nothing that is kept is a lie.
        if !is_new && announced.nobody(stamp) {
            return Ok(());
        }
        announced.update(stamp, snapshot, |key, card, address| {
            match announce::send(snapshot, key, card, address) {
                Ok(()) => bump(&mut tally.lies_announced),
                Err(_) => bump(&mut tally.errors_announcing),
            }
        })
    }

    /// Reads all facts; also whether this took a walk.
    fn read(&self, depth: Depth, tally: &mut Tally) -> Result<(Arc<Seen>, bool), OutOfMemory> {
        // Who finds another at it does not wait, but goes alone.
        let mut kept = self.kept.try_lock();
        let mut keep = kept.is_some();
        if let Some(kept) = kept.as_deref_mut().and_then(Option::as_mut) {
            match kept.still(depth)? {
                Still::Same => {
                    tally.include(kept.files.tally());
                    return Ok((kept.seen.clone(), false));
                }
                // What others may read is not this reader's, and stays theirs.
                Still::Refused => keep = false,
                Still::Changed => (),
            }
        }
        if let (true, Some(kept)) = (keep, &mut kept) {
            // Closed first, so that there is never more open than once.
            **kept = None;
        }
        let (seen, new) = self.walk(keep, tally)?;
        if let (true, Some(kept)) = (keep, &mut kept) {
            **kept = new;
        }
        Ok((seen, true))
    }

    fn walk(
        &self,
        keep: bool,
        tally: &mut Tally,
    ) -> Result<(Arc<Seen>, Option<Again>), OutOfMemory> {
        let mut topology = KfdTopology::new(&self.sysfs)?;
        let mut bus = KernelPciBus::new(&self.sysfs);
        let mut keeping = Keeping::new(&mut topology, keep);
        let mut own = Tally::default();
        let snapshot = observe::observe(&mut keeping, Some(&mut bus), &mut own);
        if let Ok(snapshot) = &snapshot {
            count_verdicts(snapshot, &mut own);
        }
        tally.include(&own);
        let snapshot = snapshot?;
        let files = keeping.kept(&snapshot, &own);
        let seen = Seen {
            snapshot,
            texts: Default::default(),
        };
        let seen = Arc::new(seen, GFP_KERNEL).map_err(|_| OutOfMemory)?;
        let again = files.map(|files| Again {
            seen: seen.clone(),
            topology,
            bus,
            files,
        });
        Ok((seen, again))
    }
}

fn count_verdicts(snapshot: &Snapshot<Kernel>, tally: &mut Tally) {
    for (key, card) in snapshot.cards() {
        // Nothing fails in it.
        let _ = findings(snapshot, key, card, &mut |finding| {
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
