// SPDX-License-Identifier: GPL-2.0

//! Looks whether debugfs really has an entry: the kernel crate's `Dir` does not tell.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*, //
};

/// Whether debugfs is there at all; not with `debugfs=off`.
pub(crate) fn is_available() -> bool {
    // SAFETY: The call only reads a flag that is set at boot.
    unsafe { bindings::debugfs_initialized() }
}

/// An entry of debugfs.
///
/// # Invariants
///
/// `0` is a dentry that we hold a reference on.
pub(crate) struct Entry(NonNull<bindings::dentry>);

impl Entry {
    /// Looks up `name` in `parent`, or at the root.
    pub(crate) fn find(name: &CStr, parent: Option<&Self>) -> Option<Self> {
        let parent = parent.map_or(core::ptr::null_mut(), |parent| parent.0.as_ptr());
        // SAFETY: `name` is a valid C string, and `parent` is NULL or alive by the type invariant.
        let entry = unsafe { bindings::debugfs_lookup(name.as_char_ptr(), parent) };
        // INVARIANT: `debugfs_lookup()` returns a reference that the caller must put, or NULL.
        NonNull::new(entry).map(Self)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours to give back.
        unsafe { bindings::dput(self.0.as_ptr()) };
    }
}
