// SPDX-License-Identifier: GPL-2.0

//! Counts what user space asks of KFD, if that is wanted.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex, //
    }, //
};

use crate::{
    facts::{
        map::Map as _,
        snapshot::Snapshot,
        topology::{
            File,
            Topology as _, //
        },
    },
    raw::{
        kfd::{
            AllocMemory,
            CreateQueue,
            SetMemoryPolicy,
            ShowGeneration,
            Svm, //
        },
        kprobe::{
            Call,
            Entered,
            Probes,
            Status,
            Target, //
        },
        request::{
            empty,
            request,
            Clock, //
        }, //
    },
    readers::{
        Kernel,
        KfdTopology, //
    },
    requests::{
        probe::{
            Probe,
            State as ProbeState,
            PROBES, //
        },
        ring::By,
        Log, //
    },
    text, //
};

/// The most attributes of one `AMDKFD_IOC_SVM` that are looked at; libhsakmt gives some few.
const MOST_ATTRIBUTES: u32 = 64;

/// What is told of requests: it writes them down.
struct Listener(KVBox<Log<Atomic<u64>>>);

impl Entered<AllocMemory> for Listener {
    #[inline]
    fn entered(&self, call: Call<'_, AllocMemory>) {
        let asked = call.argument();
        let allocation = self.0.counts.allocation(asked.gpu_id, asked.flags);
        if allocation.is_fine() {
            let what = u64::from(asked.gpu_id) << 32 | u64::from(asked.flags);
            self.0.ring.push(By::Allocation, &request(what, asked.size));
        }
    }
}

impl Entered<Svm> for Listener {
    #[inline]
    fn entered(&self, call: Call<'_, Svm>) {
        let asked = call.argument();
        let attributes = call.attributes(MOST_ATTRIBUTES).iter();
        let fine = self.0.counts.svm(
            asked.op,
            attributes.map(|attribute| (attribute.type_, attribute.value)),
            asked.nattr.saturating_sub(MOST_ATTRIBUTES),
        );
        if let Some(flags) = fine {
            self.0
                .ring
                .push(By::Svm, &request(flags.into(), asked.size));
        }
    }
}

impl Entered<SetMemoryPolicy> for Listener {
    #[inline]
    fn entered(&self, call: Call<'_, SetMemoryPolicy>) {
        let asked = call.argument();
        self.0
            .counts
            .policy(asked.gpu_id, asked.default_policy, asked.alternate_policy);
    }
}

impl Entered<CreateQueue> for Listener {
    #[inline]
    fn entered(&self, call: Call<'_, CreateQueue>) {
        let asked = call.argument();
        self.0.counts.queue(asked.gpu_id, asked.queue_type);
    }
}

impl Entered<ShowGeneration> for Listener {
    #[inline]
    fn entered(&self, _call: Call<'_, ShowGeneration>) {
        self.0.checks.add(1, kernel::sync::atomic::Relaxed);
    }
}

/// Counts requests, from when amdgpu is there until it goes.
#[pin_data]
pub(crate) struct Requests {
    listener: Arc<Listener>,
    clock: Clock,
    #[pin]
    probes: Mutex<Probes<Listener, { PROBES.len() }>>,
}

impl Requests {
    /// Arms nothing yet.
    #[inline(never)]
    pub(crate) fn new() -> Result<Arc<Self>> {
        let listener = Arc::new(Listener(empty()?), GFP_KERNEL)?;
        let probes = Probes::new(
            listener.clone(),
            // In the order of `PROBES`.
            [
                Target::new::<AllocMemory>(),
                Target::new::<Svm>(),
                Target::new::<SetMemoryPolicy>(),
                Target::new::<CreateQueue>(),
                Target::new::<ShowGeneration>(),
            ],
        )?;
        Arc::pin_init(
            pin_init!(Self {
                listener,
                clock: Clock::new(),
                probes <- new_mutex!(probes),
            }),
            GFP_KERNEL,
        )
    }

    /// amdgpu comes, or is there.
    pub(crate) fn arm(&self) {
        self.probes.lock().arm();
    }

    /// amdgpu goes, or we do.
    pub(crate) fn disarm(&self) {
        self.probes.lock().disarm();
    }

    /// Notes the ids that KFD gave cards.
    #[inline(never)]
    pub(crate) fn learn(&self, snapshot: &Snapshot<Kernel>) {
        for node in snapshot.nodes.values() {
            let id = text::gpu_id_of(node).and_then(|id| u32::try_from(id).ok());
            if let Some(id) = id {
                // A card for which there is no room is one of the others.
                let _ = self.listener.0.counts.learn(id);
            }
        }
    }

    /// Looks how the probes are: whether they see what is done on purpose.
    pub(crate) fn probes(&self, topology: &mut KfdTopology) -> [Probe; PROBES.len()] {
        // Nothing is armed or disarmed meanwhile.
        let probes = self.probes.lock();
        let checks = || self.listener.0.checks.load(kernel::sync::atomic::Relaxed);
        let before = checks();
        let done = topology.read(File::GenerationId).is_ok();
        let seen = checks() != before;
        let status = probes.status();
        let checked = done && status.last().is_some_and(|check| check.armed.is_ok());
        status.map(|status: Status| Probe {
            state: match status.armed {
                Err(error) => ProbeState::Unavailable(error.to_errno().saturating_neg()),
                Ok(()) if !checked => ProbeState::Unchecked,
                Ok(()) if seen => ProbeState::Armed,
                Ok(()) => ProbeState::Blind,
            },
            by_ftrace: status.by_ftrace,
            missed: status.missed,
        })
    }

    /// Copies what was counted, in the form that is shown.
    pub(crate) fn copy(&self) -> Result<KVBox<Log<u64>>> {
        let mut copy = empty()?;
        self.listener.0.copy_to(&mut copy);
        copy.counts.settle();
        copy.ring.set_times(|ticks| self.clock.milliseconds(ticks));
        Ok(copy)
    }
}
