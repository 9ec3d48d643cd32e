// SPDX-License-Identifier: GPL-2.0

//! Finds functions on the PCI bus without being their driver.
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

/// A function that was found on the PCI bus. It may have left the bus since.
///
/// This offers only facts that the PCI core remembers. A reference keeps the `struct pci_dev`, but
/// not its bus. After the bus is removed, the code that reads its configuration space may be
/// unloaded.
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
        // SAFETY: The call accepts any numbers, in process context.
        Self::owned(unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus, devfn) })
    }

    /// Takes over the reference from a PCI core lookup; NULL means that the lookup found nothing.
    ///
    /// Private, because it trusts its callers: the lookup must be documented to return a reference
    /// that the caller must put.
    fn owned(device: *mut bindings::pci_dev) -> Option<Self> {
        let device = NonNull::new(device)?;
        // SAFETY: The PCI core returned `device` with a reference for us, and `pci::Device` is a
        // transparent wrapper of `struct pci_dev`.
        Some(Self(unsafe {
            ARef::from_raw(device.cast::<pci::Device>())
        }))
    }

    /// Calls `each` with the name of each device below the function, for example DRM minors.
    pub(crate) fn children<F: FnMut(&DeviceName)>(&self, each: F) {
        let mut children = Children { each };
        // SAFETY: The function is valid, and its `dev` never moves. The driver core holds a
        // reference on each device that it passes, and each was added. It only passes `children`
        // on, during the call.
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

    /// Whether the function sleeps: in D1 to D3cold, or runtime-suspended, suspending or resuming.
    pub(crate) fn is_asleep(&self) -> bool {
        let raw = self.as_raw();
        // SAFETY: `raw` is a valid `struct pci_dev`. Others may write the field at the same time.
        // One volatile read suffices: any value is fine.
        let state = unsafe { (&raw const (*raw).current_state).read_volatile() };
        // `PCI_D0` and `PCI_D3cold` of the header. bindgen does not translate these macros.
        const D0: bindings::pci_power_t = 0;
        const D3_COLD: bindings::pci_power_t = 4;
        #[cfg(CONFIG_PM)]
        // SAFETY: As above.
        let status = unsafe { (&raw const (*raw).dev.power.runtime_status).read_volatile() };
        // Without power management no function is ever suspended.
        #[cfg(not(CONFIG_PM))]
        let status = bindings::rpm_status_RPM_ACTIVE;
        (D0 < state && state <= D3_COLD) || status != bindings::rpm_status_RPM_ACTIVE
    }
}

/// All functions with this vendor and device, in the PCI core's order.
pub(crate) fn functions(vendor: u16, device: u16) -> impl Iterator<Item = DeviceRef> {
    let mut last: Option<DeviceRef> = None;
    core::iter::from_fn(move || {
        let from = last.take().map_or(core::ptr::null_mut(), |last| {
            ARef::into_raw(last.0).cast::<bindings::pci_dev>().as_ptr()
        });
        // SAFETY: `from` is NULL, or a device whose reference we hand over to the call.
        let next = unsafe { bindings::pci_get_device(vendor.into(), device.into(), from) };
        let next = DeviceRef::owned(next)?;
        last = Some(DeviceRef(next.0.clone()));
        Some(next)
    })
}

/// Stops all PCI buses from adding and removing functions while it lives.
pub(crate) struct BusLock(NotThreadSafe);

impl BusLock {
    /// Waits for changes in progress. That can take as long as a driver's probe after a hotplug.
    /// The caller must not hold the lock already.
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
        // SAFETY: `new` took the mutex in this task: the type cannot be sent to another.
        unsafe { bindings::pci_unlock_rescan_remove() };
    }
}

/// A function whose bus exists: it was found under the lock, and cannot outlive the lock.
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
        // SAFETY: Therefore the bus is valid. It holds a reference on its bridge from
        // `pci_alloc_child_bus()` to `release_pcibus_dev()`. A root bus has no bridge.
        let bridge = NonNull::new(unsafe { (*bus.as_ptr()).self_ })?;
        // SAFETY: Therefore the bridge is valid. The call takes another reference.
        let device = DeviceRef::owned(unsafe { bindings::pci_dev_get(bridge.as_ptr()) })?;
        Some(OnBus {
            device,
            lock: PhantomData,
        })
    }

    /// A 16-bit register of the function's PCI Express capability; `None` if the function does not
    /// answer. It is 0 if the capability, or its version, has no such register.
    pub(crate) fn express_word(&self, offset: u32) -> Option<u16> {
        let mut value = 0;
        // SAFETY: The function is valid, and `value` is writable. The bus exists and cannot be
        // removed now. The call checks the offset, locks configuration space itself, and only
        // reads.
        let error = unsafe {
            bindings::pcie_capability_read_word(self.as_raw(), offset as c_int, &mut value)
        };
        // A device that does not answer reads as all ones.
        (error == 0 && value != u16::MAX).then_some(value)
    }

    /// Like [`Self::express_word`], for a 32-bit register.
    pub(crate) fn express_dword(&self, offset: u32) -> Option<u32> {
        let mut value = 0;
        // SAFETY: As in `express_word`.
        let error = unsafe {
            bindings::pcie_capability_read_dword(self.as_raw(), offset as c_int, &mut value)
        };
        (error == 0 && value != u32::MAX).then_some(value)
    }
}

/// A device's name, cut off after 16 bytes: the longest name of a PCI device.
///
/// The kernel crate's `Device::name()` measures names with arithmetic that can panic here.
pub(crate) struct DeviceName {
    bytes: [u8; 16],
    length: usize,
}

impl DeviceName {
    pub(crate) fn of(device: &pci::Device) -> Self {
        let raw: *const pci::Device = device;
        // SAFETY: `device` is a valid `struct pci_dev`, which `pci::Device` wraps transparently.
        // This takes the address of its `dev` without reading it.
        let raw = unsafe { &raw const (*raw.cast::<bindings::pci_dev>()).dev };
        // SAFETY: The reference keeps the device valid. A lookup found it, so it was added.
        unsafe { Self::of_raw(raw) }
    }

    /// # Safety
    ///
    /// `device` must be a valid `struct device` that was added. The driver core sets a device's
    /// name before adding it. Names of PCI devices, and of devices below them, do not change
    /// afterwards.
    unsafe fn of_raw(device: *const bindings::device) -> Self {
        let mut name = Self {
            bytes: [0; 16],
            length: 0,
        };
        // SAFETY: The caller guarantees that `device` is valid.
        let mut source = unsafe { bindings::dev_name(device) }.cast::<u8>();
        for place in &mut name.bytes {
            // SAFETY: `source` points into a C string, and has not passed its NUL.
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

/// The argument of [`DeviceRef::children`]. The driver core passes it on.
struct Children<F> {
    each: F,
}

impl<F: FnMut(&DeviceName)> Children<F> {
    /// Handles one device; returns 0 to continue.
    ///
    /// # Safety
    ///
    /// `data` must be a `Children` that nothing else uses during the call. `device` must satisfy
    /// [`DeviceName::of_raw`].
    unsafe extern "C" fn child(device: *mut bindings::device, data: *mut c_void) -> c_int {
        // SAFETY: The caller guarantees it.
        let children = unsafe { &mut *data.cast::<Self>() };
        // SAFETY: The caller guarantees it.
        (children.each)(&unsafe { DeviceName::of_raw(device) });
        0
    }
}
