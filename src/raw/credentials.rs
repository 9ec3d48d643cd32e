// SPDX-License-Identifier: GPL-2.0

//! Runs code with the kernel's own credentials.
//!
//! C header: [`include/linux/cred.h`](srctree/include/linux/cred.h), where `override_creds()` and
//! `kernel_cred()` are inline.

use kernel::{
    bindings,
    current, //
};

/// Calls `act` with the credentials of the kernel instead of the current task's.
///
/// Otherwise, a security module that confines the task would check paths on a mount that the task
/// cannot know. Cgroups still apply: they are not part of the credentials.
pub(crate) fn with_kernel_credentials<T>(act: impl FnOnce() -> T) -> T {
    let _own = Own::override_with_kernel();
    act()
}

/// The task's previous credentials. Dropping this restores them.
struct Own {
    place: *mut *const bindings::cred,
    credentials: *const bindings::cred,
}

impl Own {
    fn override_with_kernel() -> Self {
        let task = current!().as_ptr();
        // SAFETY: The current task is valid. The address of the field is taken without reading it.
        let place = unsafe { &raw mut (*task).cred }.cast();
        // SAFETY: `init_task` lives forever. Its credentials are set before any module can be
        // loaded, and never released (`kernel_cred()`).
        let kernel = unsafe { (&raw const bindings::init_task.cred).read_volatile() };
        let own = Self {
            place,
            // SAFETY: Only the task itself changes the credentials that it acts with
            // (`Documentation/security/credentials.rst`), and this is that task.
            credentials: unsafe { *place },
        };
        // SAFETY: As above. Other tasks may read the pointer under RCU meanwhile: this is a single
        // store, and its target was published long ago. No reference is needed
        // (`override_creds()`): the kernel's credentials stay, and the task keeps the reference to
        // its own.
        unsafe { place.write_volatile(kernel) };
        own
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: As in `override_with_kernel`. This is the same task: the type is private, and its
        // value never leaves `with_kernel_credentials`.
        unsafe { self.place.write_volatile(self.credentials) };
    }
}
