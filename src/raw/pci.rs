// SPDX-License-Identifier: GPL-2.0

//! Finding functions on the PCI bus without being their driver.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    pci,
    prelude::*,
    sync::aref::ARef,
    types::NotThreadSafe, //
};

use crate::facts::pci::Address;

/// A function that was found on the PCI bus. It may have gone from there since.
///
/// Only what the PCI core remembers can be asked: a reference on a function keeps its
/// `struct pci_dev`, but not its bus. Once that is removed, what reads configuration space on it may
/// have been unloaded.
pub(crate) struct DeviceRef(ARef<pci::Device>);

impl Deref for DeviceRef {
    type Target = pci::Device;

    fn deref(&self) -> &pci::Device {
        &self.0
    }
}

impl DeviceRef {
    /// The function at `address`, if there is one.
    pub(crate) fn at(address: Address) -> Option<Self> {
        let domain = c_int::try_from(address.domain).ok()?;
        let (bus, devfn) = (address.bus().into(), address.devfn().into());
        // SAFETY: The call may be given any numbers, in process context.
        Self::owned(unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus, devfn) })
    }

    /// Takes over the reference that a lookup of the PCI core returns, NULL if it found nothing.
    ///
    /// Private, as it trusts its callers: each is documented to return a device with a reference that
    /// the caller must put.
    fn owned(device: *mut bindings::pci_dev) -> Option<Self> {
        let device = NonNull::new(device)?;
        // SAFETY: The PCI core returned `device` with a reference for us, and `pci::Device` is a
        // transparent wrapper of `struct pci_dev`.
        Some(Self(unsafe {
            ARef::from_raw(device.cast::<pci::Device>())
        }))
    }

    /// Calls `each` with the names of the devices below the function, as those of DRM's minors.
    pub(crate) fn children<F: FnMut(&DeviceName)>(&self, each: F) {
        let mut children = Children { each };
        // SAFETY: The function is valid, and its `dev` is never moved. The driver core holds a
        // reference on each device that it passes, all of which were added; `children` is passed
        // through, and only used during the call.
        unsafe {
            bindings::device_for_each_child(
                &raw mut (*self.as_raw()).dev,
                (&raw mut children).cast(),
                Some(Children::<F>::child),
            )
        };
    }

    fn as_raw(&self) -> *mut bindings::pci_dev {
        let device: *const pci::Device = &raw const **self;
        device.cast_mut().cast()
    }

    /// Whether the function sleeps: runtime-suspended, or on its way to that or back, or in another
    /// power state than D0.
    pub(crate) fn is_asleep(&self) -> bool {
        let raw = self.as_raw();
        // SAFETY: `raw` is a valid `struct pci_dev`. Others may write the field meanwhile; it is
        // read once, and any value is fine.
        let state = unsafe { (&raw const (*raw).current_state).read_volatile() };
        // As `PCI_D0` to `PCI_UNKNOWN` in the header, which are no constants to bindgen.
        const D0: bindings::pci_power_t = 0;
        const D3_COLD: bindings::pci_power_t = 4;
        #[cfg(CONFIG_PM)]
        // SAFETY: As above.
        let status = unsafe { (&raw const (*raw).dev.power.runtime_status).read_volatile() };
        // Without power management nothing is ever suspended.
        #[cfg(not(CONFIG_PM))]
        let status = bindings::rpm_status_RPM_ACTIVE;
        (D0 < state && state <= D3_COLD) || status != bindings::rpm_status_RPM_ACTIVE
    }
}

/// The functions with that vendor and device, in the PCI core's order.
pub(crate) fn functions(vendor: u16, device: u16) -> impl Iterator<Item = DeviceRef> {
    let mut last: Option<DeviceRef> = None;
    core::iter::from_fn(move || {
        let from = last.take().map_or(core::ptr::null_mut(), |last| {
            ARef::into_raw(last.0).cast::<bindings::pci_dev>().as_ptr()
        });
        // SAFETY: `from` is NULL or a device that we hold a reference on, which the call takes.
        let next = unsafe { bindings::pci_get_device(vendor.into(), device.into(), from) };
        let next = DeviceRef::owned(next)?;
        last = Some(DeviceRef(next.0.clone()));
        Some(next)
    })
}

/// Keeps functions from coming and going on all PCI buses while it lives.
pub(crate) struct BusLock(NotThreadSafe);

impl BusLock {
    /// Waits for changes that are under way, which can take as long as the probe of a driver that a
    /// hotplug started. Must not be called with the lock held already.
    pub(crate) fn new() -> Self {
        // SAFETY: The call takes a mutex, in process context.
        unsafe { bindings::pci_lock_rescan_remove() };
        Self(NotThreadSafe)
    }

    /// The function at `address`, if there is one.
    pub(crate) fn device_at(&self, address: Address) -> Option<OnBus<'_>> {
        Some(OnBus {
            device: DeviceRef::at(address)?,
            lock: PhantomData,
        })
    }
}

impl Drop for BusLock {
    fn drop(&mut self) {
        // SAFETY: `new` took the mutex in this task: the type can't be sent to another.
        unsafe { bindings::pci_unlock_rescan_remove() };
    }
}

/// A function whose bus is there: it was found with the lock held, and does not outlive that.
pub(crate) struct OnBus<'lock> {
    device: DeviceRef,
    lock: PhantomData<&'lock BusLock>,
}

impl Deref for OnBus<'_> {
    type Target = DeviceRef;

    fn deref(&self) -> &DeviceRef {
        &self.device
    }
}

impl<'lock> OnBus<'lock> {
    /// The bridge that leads to the function's bus, if there is one.
    pub(crate) fn bridge_above(&self) -> Option<OnBus<'lock>> {
        // SAFETY: The function is valid. It holds a reference on its bus from `pci_alloc_dev()` to
        // `pci_release_dev()` (`drivers/pci/probe.c`).
        let bus = NonNull::new(unsafe { (*self.as_raw()).bus })?;
        // SAFETY: So the bus is valid. It in turn holds a reference on its bridge from
        // `pci_alloc_child_bus()` to `release_pcibus_dev()`; a root's bus has none.
        let bridge = NonNull::new(unsafe { (*bus.as_ptr()).self_ })?;
        // SAFETY: So the bridge is valid; the call takes another reference.
        let device = DeviceRef::owned(unsafe { bindings::pci_dev_get(bridge.as_ptr()) })?;
        Some(OnBus {
            device,
            lock: PhantomData,
        })
    }

    /// A 16-bit register of the function's PCI Express capability, if it answers; 0 where the
    /// capability, or its version, has no such register.
    pub(crate) fn express_word(&self, offset: u32) -> Option<u16> {
        let mut value = 0;
        // SAFETY: The function is valid, and `value` is writable. The bus is there: it cannot be
        // removed now. The call checks the offset, locks configuration space by itself, and only
        // reads.
        let error = unsafe {
            bindings::pcie_capability_read_word(self.as_raw(), offset as c_int, &mut value)
        };
        // All ones is what a device that does not answer reads as.
        (error == 0 && value != u16::MAX).then_some(value)
    }

    /// As [`Self::express_word`], for a register of 32 bits.
    pub(crate) fn express_dword(&self, offset: u32) -> Option<u32> {
        let mut value = 0;
        // SAFETY: As in `express_word`.
        let error = unsafe {
            bindings::pcie_capability_read_dword(self.as_raw(), offset as c_int, &mut value)
        };
        (error == 0 && value != u32::MAX).then_some(value)
    }
}

/// The name of a device, or as much of it as the name of a PCI device can have.
///
/// `Device::name()` of the kernel crate counts the length of the name with arithmetic that, compiled
/// into this module, can panic.
pub(crate) struct DeviceName {
    bytes: [u8; 16],
    length: usize,
}

impl DeviceName {
    /// The name of a function's device.
    pub(crate) fn of(device: &pci::Device) -> Self {
        let raw: *const pci::Device = device;
        // SAFETY: `device` is a valid `struct pci_dev`, which `pci::Device` wraps transparently. The
        // address of its `dev` is taken without reading it.
        let raw = unsafe { &raw const (*raw.cast::<bindings::pci_dev>()).dev };
        // SAFETY: The device can be found, as we have a reference.
        unsafe { Self::of_raw(raw) }
    }

    /// # Safety
    ///
    /// `device` must be a valid `struct device` that was added. The driver core sets the name of a
    /// device before it is added; names of PCI devices, and of those below them, do not change after
    /// that.
    unsafe fn of_raw(device: *const bindings::device) -> Self {
        let mut name = Self {
            bytes: [0; 16],
            length: 0,
        };
        // SAFETY: The caller guarantees that `device` is valid.
        let mut source = unsafe { bindings::dev_name(device) }.cast::<u8>();
        for place in &mut name.bytes {
            // SAFETY: `source` points into a C string: no NUL has been passed.
            *place = unsafe { *source };
            if *place == 0 {
                break;
            }
            source = source.wrapping_add(1);
            name.length = name.length.saturating_add(1);
        }
        name
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The argument of [`DeviceRef::children`], as the driver core passes it through.
struct Children<F> {
    each: F,
}

impl<F: FnMut(&DeviceName)> Children<F> {
    /// Takes one device; returns whether to stop.
    ///
    /// # Safety
    ///
    /// `data` must be a `Children` that nothing else uses during the call, and `device` as
    /// [`DeviceName::of_raw`] wants it.
    unsafe extern "C" fn child(device: *mut bindings::device, data: *mut c_void) -> c_int {
        // SAFETY: The caller guarantees it.
        let children = unsafe { &mut *data.cast::<Self>() };
        // SAFETY: The caller guarantees it.
        (children.each)(&unsafe { DeviceName::of_raw(device) });
        0
    }
}
