// SPDX-License-Identifier: GPL-2.0

//! Finding functions on the PCI bus without being their driver.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    pci,
    prelude::*,
    sync::aref::ARef,
    types::NotThreadSafe, //
};

/// Keeps functions from coming and going on all PCI buses while it lives.
///
/// A reference on a function keeps its `struct pci_dev`, but not its bus: once that is removed, what
/// reads configuration space on it may have been unloaded.
pub(crate) struct BusLock(NotThreadSafe);

impl BusLock {
    /// Waits for changes that are under way, which can take as long as the probe of a driver that a
    /// hotplug started. Must not be called with the lock held already.
    pub(crate) fn new() -> Self {
        // SAFETY: The call takes a mutex, in process context.
        unsafe { bindings::pci_lock_rescan_remove() };
        Self(NotThreadSafe)
    }

    /// The functions with that vendor and device, in the PCI core's order.
    pub(crate) fn functions(&self, vendor: u16, device: u16) -> Functions {
        Functions {
            vendor,
            device,
            last: None,
        }
    }

    /// The function at that place, if there is one.
    pub(crate) fn function_at(&self, domain: u32, bus: u8, devfn: u8) -> Option<ARef<pci::Device>> {
        let domain = c_int::try_from(domain).ok()?;
        // SAFETY: The call takes plain numbers; one that no device has gives NULL. It looks at the
        // bus of every function, which cannot be removed now.
        owned(unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus.into(), devfn.into()) })
    }

    /// The bridge that leads to the function's bus, if there is one.
    pub(crate) fn bridge_above(&self, device: &pci::Device) -> Option<ARef<pci::Device>> {
        let raw: *const pci::Device = device;
        // SAFETY: `device` is a valid `struct pci_dev`, which `pci::Device` wraps transparently. It
        // holds a reference on its bus from `pci_alloc_dev()` to `pci_release_dev()`
        // (`drivers/pci/probe.c`).
        let bus = NonNull::new(unsafe { (*raw.cast::<bindings::pci_dev>()).bus })?;
        // SAFETY: So the bus is valid. It in turn holds a reference on its bridge from
        // `pci_alloc_child_bus()` to `release_pcibus_dev()`; a root's bus has none.
        let bridge = NonNull::new(unsafe { (*bus.as_ptr()).self_ })?;
        // SAFETY: So the bridge is valid; the call takes another reference.
        owned(unsafe { bindings::pci_dev_get(bridge.as_ptr()) })
    }

    /// A 16-bit register of the function's PCI Express capability, if it answers; 0 where the
    /// capability, or its version, has no such register.
    pub(crate) fn express_word(&self, device: &pci::Device, offset: u32) -> Option<u16> {
        let raw: *const pci::Device = device;
        let mut value = 0;
        // SAFETY: `device` is a valid `struct pci_dev`, which `pci::Device` wraps transparently, and
        // `value` is writable. The bus is there: it cannot be removed now, and `device` was found
        // on it with the lock held. The call checks the offset, locks configuration space by
        // itself, and only reads.
        let error = unsafe {
            bindings::pcie_capability_read_word(raw.cast_mut().cast(), offset as c_int, &mut value)
        };
        // All ones is what a device that does not answer reads as.
        (error == 0 && value != u16::MAX).then_some(value)
    }

    /// As [`Self::express_word`], for a register of 32 bits.
    pub(crate) fn express_dword(&self, device: &pci::Device, offset: u32) -> Option<u32> {
        let raw: *const pci::Device = device;
        let mut value = 0;
        // SAFETY: As in `express_word`.
        let error = unsafe {
            bindings::pcie_capability_read_dword(raw.cast_mut().cast(), offset as c_int, &mut value)
        };
        (error == 0 && value != u32::MAX).then_some(value)
    }
}

impl Drop for BusLock {
    fn drop(&mut self) {
        // SAFETY: `new` took the mutex in this task: the type can't be sent to another.
        unsafe { bindings::pci_unlock_rescan_remove() };
    }
}

/// An iterator over functions on the PCI bus.
pub(crate) struct Functions {
    vendor: u16,
    device: u16,
    last: Option<ARef<pci::Device>>,
}

impl Iterator for Functions {
    type Item = ARef<pci::Device>;

    fn next(&mut self) -> Option<Self::Item> {
        let last = self.last.take().map_or(core::ptr::null_mut(), |last| {
            ARef::into_raw(last).cast::<bindings::pci_dev>().as_ptr()
        });
        // SAFETY: `last` is NULL or a device that we hold a reference on, which the call takes.
        let next =
            unsafe { bindings::pci_get_device(self.vendor.into(), self.device.into(), last) };
        let next = owned(next)?;
        self.last = Some(next.clone());
        Some(next)
    }
}

/// Takes over the reference that a lookup of the PCI core returns, NULL if it found nothing.
///
/// Private, as it trusts its callers: the two lookups above, both documented to return a device
/// with a reference that the caller must put.
fn owned(device: *mut bindings::pci_dev) -> Option<ARef<pci::Device>> {
    let device = NonNull::new(device)?;
    // SAFETY: The PCI core returned `device` with a reference for us, and `pci::Device` is a
    // transparent wrapper of `struct pci_dev`.
    Some(unsafe { ARef::from_raw(device.cast::<pci::Device>()) })
}

/// The name of the function's device, padded with zeros, or as much of it as a PCI name can have.
///
/// `Device::name()` of the kernel crate counts the length of the name with arithmetic that, compiled
/// into this module, can panic.
pub(crate) fn name(device: &pci::Device) -> [u8; 16] {
    let mut name = [0; 16];
    let raw: *const pci::Device = device;
    // SAFETY: `device` is a valid `struct pci_dev`, which `pci::Device` wraps transparently. The
    // address of its `dev` is taken without reading it.
    let raw = unsafe { &raw const (*raw.cast::<bindings::pci_dev>()).dev };
    // SAFETY: `raw` is a valid `struct device`. The core sets the name of a PCI device before the
    // device can be found, and does not change it as long as it lives.
    let mut source = unsafe { bindings::dev_name(raw) }.cast::<u8>();
    for place in &mut name {
        // SAFETY: `source` points into a C string: no NUL has been passed.
        *place = unsafe { *source };
        if *place == 0 {
            break;
        }
        source = source.wrapping_add(1);
    }
    name
}
