// SPDX-License-Identifier: GPL-2.0

//! Watches cards and amdgpu come and go.
//!
//! This stores nothing: every read gathers the facts anew. It logs a line, raises a counter and
//! observes the facts once, so that a lie is announced even if nobody reads.

use kernel::{
    impl_has_work,
    new_work,
    pci,
    prelude::*,
    sync::Arc,
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

use crate::{
    facts::prelude::*,
    raw::{
        notifier::*,
        work, //
    },
    readers::{
        self,
        Detail, //
    }, //
};

use super::state::State;

/// Work that observes the facts once.
#[pin_data]
struct ObserveWork {
    state: Arc<State>,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for ObserveWork { self.work }
}

impl WorkItem for ObserveWork {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // The counters show a lack of memory. The next event or read tries again.
        let _ = this.state.observe(Detail::RuleFacts, Tally::default());
    }
}

impl ObserveWork {
    fn count(this: &Arc<Self>, tally: Tally) {
        this.state.counters.add(&tally);
        // On the queue for long work: an observation may wait for KFD. One queued look suffices.
        let _ = workqueue::system_long().enqueue(this.clone());
    }
}

impl Listener for ObserveWork {
    fn pci(this: &Arc<Self>, event: PciEvent, device: &pci::Device) {
        if readers::id(device) != Id::NAVI10 {
            return;
        }
        let what = match event {
            PciEvent::Added => "came",
            PciEvent::Removed => "went",
            PciEvent::Bound => "got a driver",
            PciEvent::Unbound => "lost its driver",
            PciEvent::NotBound => "was refused by a driver",
        };
        dev_info!(device.as_ref(), "rdna1_kfd_guard: 0x731f {}\n", what);
        Self::count(
            this,
            Tally {
                events_pci: 1,
                ..Tally::default()
            },
        );
    }

    fn module(this: &Arc<Self>, event: ModuleEvent, name: &[u8]) {
        if name != b"amdgpu" {
            return;
        }
        let what = match event {
            ModuleEvent::Live => "was loaded",
            ModuleEvent::Going => "is going",
        };
        pr_info!("amdgpu {}\n", what);
        Self::count(
            this,
            Tally {
                events_module: 1,
                ..Tally::default()
            },
        );
    }
}

/// Watches while it lives.
pub(super) struct Watch {
    // Drop order matters: nothing queues work after the notifiers are gone.
    _pci: PciNotifier<ObserveWork>,
    _module: ModuleNotifier<ObserveWork>,
    _flush: Flush,
}

/// Waits for the last observation: the module's code must not go before it ends.
struct Flush(Arc<ObserveWork>);

impl Drop for Flush {
    fn drop(&mut self) {
        work::flush(&self.0.work);
    }
}

impl Watch {
    pub(super) fn new(state: &Arc<State>) -> Result<Self> {
        let look = Arc::pin_init(
            pin_init!(ObserveWork {
                state: state.clone(),
                work <- new_work!("rdna1_kfd_guard::ObserveWork"),
            }),
            GFP_KERNEL,
        )?;
        let flush = Flush(look.clone());
        Ok(Self {
            _module: ModuleNotifier::new(look.clone())?,
            _pci: PciNotifier::new(look)?,
            _flush: flush,
        })
    }
}
