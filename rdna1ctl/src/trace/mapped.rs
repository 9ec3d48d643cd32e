// SPDX-License-Identifier: GPL-2.0

//! An array of the BPF programs, mapped into our memory.
//!
//! Reading it takes no system call. bpf(2) would keep BPF programs from running on its CPU, and
//! they would miss requests of threads that preempt the caller.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::ptr::NonNull;

use anyhow::{bail, ensure, Context, Result};
use aya::maps::{Array, Map};
use aya::{Ebpf, Pod};
use nix::sys::mman::{mmap, munmap, MapFlags, ProtFlags};
use nix::unistd::{sysconf, SysconfVar};

/// An array of `T`.
pub(super) struct Mapped<T> {
    address: NonNull<c_void>,
    bytes: usize,
    rows: usize,
    row: PhantomData<T>,
}

impl<T: Pod> Mapped<T> {
    /// Maps the array of that name.
    pub(super) fn new(bpf: &Ebpf, name: &str) -> Result<Self> {
        let map = bpf.map(name).with_context(|| format!("no map {name}"))?;
        // This also checks the size of a row.
        let array: Array<_, T> = Array::try_from(map)?;
        let rows = usize::try_from(array.len())?;
        let Map::Array(map) = map else {
            bail!("the map {name} is not an array");
        };
        // The kernel puts rows at multiples of 8 bytes, and maps complete pages.
        const { assert!(size_of::<T>() % 8 == 0 && align_of::<T>() == 8) };
        let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no size of a page")?;
        let bytes = rows.checked_mul(size_of::<T>()).context("too many rows")?;
        let bytes = bytes.next_multiple_of(usize::try_from(page)?);
        let length = NonZeroUsize::new(bytes).context("an array without rows")?;
        let flags = MapFlags::MAP_SHARED;
        let fd = map.fd().as_fd();
        // SAFETY: No address is named, so no other mapping is replaced.
        let address = unsafe { mmap(None, length, ProtFlags::PROT_READ, flags, fd, 0) };
        let address = address.with_context(|| format!("cannot map the BPF array {name}"))?;
        Ok(Self {
            address,
            bytes,
            rows,
            row: PhantomData,
        })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Copies a row. A program may change it meanwhile, so its numbers may be of different moments.
    pub(super) fn get(&self, row: usize) -> Result<T> {
        ensure!(row < self.rows, "row {row} of {}", self.rows);
        let first = self.address.cast::<T>().as_ptr();
        // SAFETY: The row is within the mapping, aligned as the assert says, and any bytes are a
        // valid T. The read is volatile, as others change the memory.
        Ok(unsafe { first.add(row).read_volatile() })
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: It is our mapping, and nothing borrows of it. If it cannot be unmapped, it stays.
        let _ = unsafe { munmap(self.address, self.bytes) };
    }
}
