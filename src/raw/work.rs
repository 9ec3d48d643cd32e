// SPDX-License-Identifier: GPL-2.0

//! Waiting for work that was queued: the kernel crate can't.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use kernel::{
    bindings,
    workqueue::Work, //
};

/// Waits until `work` is neither queued nor running.
pub(crate) fn flush<T: ?Sized, const ID: u64>(work: &Work<T, ID>) {
    // SAFETY: `work` is valid and initialised; a flush may be done from any context that can sleep.
    unsafe { bindings::flush_work(Work::raw_get(work)) };
}
