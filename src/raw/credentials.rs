// SPDX-License-Identifier: GPL-2.0

//! Acting with the kernel's own credentials.
//!
//! C header: [`include/linux/cred.h`](srctree/include/linux/cred.h), where `override_creds()` and
//! `kernel_cred()` are inline.

use kernel::{
    bindings,
    current, //
};

/// Calls `act` with the credentials of the kernel instead of the current task's.
///
/// A security module that confines the task would else judge the paths of a mount that the task
/// cannot know. Cgroups are not credentials: what they deny stays denied.
pub(crate) fn with_kernel_credentials<T>(act: impl FnOnce() -> T) -> T {
    let _own = Own::override_with_kernel();
    act()
}

/// The credentials that the task acted with before, to be given back when dropped.
struct Own {
    place: *mut *const bindings::cred,
    credentials: *const bindings::cred,
}

impl Own {
    fn override_with_kernel() -> Self {
        let task = current!().as_ptr();
        // SAFETY: The current task is valid. The address of the field is taken without reading it.
        let place = unsafe { &raw mut (*task).cred }.cast();
        // SAFETY: `init_task` is there for good, and its credentials are set before any module can
        // be loaded and never given back (`kernel_cred()`).
        let kernel = unsafe { (&raw const bindings::init_task.cred).read_volatile() };
        let own = Self {
            place,
            // SAFETY: Only the task itself changes the credentials that it acts with
            // (`Documentation/security/credentials.rst`), and this is that task.
            credentials: unsafe { *place },
        };
        // SAFETY: As above. Others may read the pointer under RCU meanwhile: it is written at once,
        // and what it points to was published long ago. No reference has to be taken: the kernel's
        // credentials stay, and the task keeps its reference on its own (`override_creds()`).
        unsafe { place.write_volatile(kernel) };
        own
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: This is the same task: the type is private and never leaves the function that made
        // it. As in `override_with_kernel`.
        unsafe { self.place.write_volatile(self.credentials) };
    }
}
