// SPDX-License-Identifier: GPL-2.0

//! The numbers of requests in kernel memory, and whose request it is.
//!
//! C headers: [`include/linux/jiffies.h`](srctree/include/linux/jiffies.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

use core::mem::offset_of;

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
};

use crate::requests::{
    ring::Request,
    word::Word,
    Log, //
};

/// What is not ordered is read and written as the kernel's `READ_ONCE()` and `WRITE_ONCE()` do, and not
/// by `Atomic`'s own methods: those are calls of C functions that do just this, and there are many at
/// the entry of an ioctl.
impl Word for Atomic<u64> {
    #[inline]
    fn load(&self) -> u64 {
        // SAFETY: It points to a number that is aligned, and lives as long as `self`.
        unsafe { self.as_ptr().read_volatile() }
    }

    fn load_acquire(&self) -> u64 {
        self.load(Acquire)
    }

    #[inline]
    fn store(&self, number: u64) {
        // SAFETY: As above; who reads meanwhile does that in one piece, too.
        unsafe { self.as_ptr().write_volatile(number) };
    }

    fn store_release(&self, number: u64) {
        self.store(number, Release);
    }

    fn add(&self, more: u64) {
        self.add(more, Relaxed);
    }

    fn fetch_add(&self, more: u64) -> u64 {
        self.fetch_add(more, Relaxed)
    }

    fn swap(&self, number: u64) -> u64 {
        self.xchg(number, Full)
    }

    fn claim(&self, number: u64) -> u64 {
        match self.cmpxchg(0, number, Full) {
            Ok(before) | Err(before) => before,
        }
    }
}

// SAFETY: It consists of atomic numbers, for which zeroes are valid.
unsafe impl pin_init::Zeroable for Log<Atomic<u64>> {}

// SAFETY: It consists of numbers.
unsafe impl pin_init::Zeroable for Log<u64> {}

/// An empty log, or room for a copy of one.
pub(crate) fn empty<W>() -> Result<KVBox<Log<W>>>
where
    Log<W>: pin_init::Zeroable,
{
    KVBox::init(pin_init::init_zeroed::<Log<W>>(), GFP_KERNEL)
}

/// A request of the calling thread, now.
#[inline]
pub(crate) fn request(what: u64, size: u64) -> Request {
    const _: () = assert!(bindings::TASK_COMM_LEN as usize >= size_of::<[u64; 2]>());
    // SAFETY: The calling thread is there for the call, and its numbers do not change. What it is
    // called may change meanwhile; the kernel's own readers (`get_task_comm()`) do not lock, either,
    // and any bytes are valid. Where the layout of the struct is random it may not be aligned.
    let (process, thread, command) = unsafe {
        let task = bindings::get_current();
        let comm: *const u64 = (&raw const (*task).comm).cast();
        let command = if const { offset_of!(bindings::task_struct, comm) % align_of::<u64>() == 0 }
        {
            [comm.read_volatile(), comm.add(1).read_volatile()]
        } else {
            comm.cast::<[u64; 2]>().read_unaligned()
        };
        ((*task).tgid, (*task).pid, command)
    };
    Request {
        ticks: ticks(),
        who: u64::from(process as u32) << 32 | u64::from(thread as u32),
        command,
        what,
        size,
    }
}

fn ticks() -> u64 {
    // SAFETY: The kernel increments it all the time, and readers do not lock (`READ_ONCE()`).
    unsafe { (&raw const bindings::jiffies).read_volatile() as u64 }
}

/// Ticks of the kernel as a time.
pub(crate) struct Clock {
    ticks: u64,
    milliseconds: u64,
}

impl Clock {
    /// Made at a moment that is not after any that is to be told.
    pub(crate) fn new() -> Self {
        // SAFETY: It may be called at any time once the kernel has booted.
        let nanoseconds = unsafe { bindings::ktime_get() };
        Self {
            ticks: ticks(),
            milliseconds: nanoseconds.unsigned_abs() / 1_000_000,
        }
    }

    /// The milliseconds of `CLOCK_MONOTONIC` at a tick.
    pub(crate) fn milliseconds(&self, ticks: u64) -> u64 {
        // SAFETY: It only calculates.
        let since = unsafe { bindings::jiffies64_to_msecs(ticks.wrapping_sub(self.ticks)) };
        self.milliseconds.wrapping_add(since)
    }
}
