// SPDX-License-Identifier: GPL-2.0

//! Waits for queued work, which the kernel crate cannot do.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use kernel::{
    bindings,
    workqueue::Work, //
};

/// Waits until `work` is neither queued nor running.
pub(crate) fn flush<T: ?Sized, const ID: u64>(work: &Work<T, ID>) {
    // SAFETY: `work` is valid and initialised. Any context that can sleep may flush work.
    unsafe { bindings::flush_work(Work::raw_get(work)) };
}
