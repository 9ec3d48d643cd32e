// SPDX-License-Identifier: GPL-2.0

//! One number that several CPUs change at once.

/// A number that several CPUs change at once: `Atomic<u64>` in the kernel, `AtomicU64` on the host.
///
/// Orderings are those of the kernel's memory model.
pub trait Word {
    /// The number now; not ordered.
    fn load(&self) -> u64;

    /// The number now; what comes later is read after it.
    fn load_acquire(&self) -> u64;

    /// Sets the number; not ordered.
    fn store(&self, number: u64);

    /// Sets the number; what came before is written before it.
    fn store_release(&self, number: u64);

    /// Adds to the number; not ordered.
    fn add(&self, more: u64);

    /// Adds to the number, and gives what it was; not ordered.
    fn fetch_add(&self, more: u64) -> u64;

    /// Sets the number, and gives what it was; fully ordered.
    fn swap(&self, number: u64) -> u64;

    /// Sets the number if it is 0, and gives what it was; fully ordered.
    fn claim(&self, number: u64) -> u64;
}

/// The same on the host, for tests.
#[cfg(feature = "host")]
impl Word for core::sync::atomic::AtomicU64 {
    fn load(&self) -> u64 {
        self.load(core::sync::atomic::Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        self.load(core::sync::atomic::Ordering::Acquire)
    }

    fn store(&self, number: u64) {
        self.store(number, core::sync::atomic::Ordering::Relaxed);
    }

    fn store_release(&self, number: u64) {
        self.store(number, core::sync::atomic::Ordering::Release);
    }

    fn add(&self, more: u64) {
        self.fetch_add(more, core::sync::atomic::Ordering::Relaxed);
    }

    fn fetch_add(&self, more: u64) -> u64 {
        self.fetch_add(more, core::sync::atomic::Ordering::Relaxed)
    }

    fn swap(&self, number: u64) -> u64 {
        let before = self.swap(number, core::sync::atomic::Ordering::SeqCst);
        // A fence, too: the kernel's fully ordered operations are one on both sides.
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        before
    }

    fn claim(&self, number: u64) -> u64 {
        let order = core::sync::atomic::Ordering::SeqCst;
        match self.compare_exchange(0, number, order, order) {
            Ok(before) | Err(before) => before,
        }
    }
}
