// SPDX-License-Identifier: GPL-2.0

//! Notifies listeners when PCI functions and modules come and go.
//!
//! C headers: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h),
//! [`include/linux/module.h`](srctree/include/linux/module.h)

use kernel::{
    bindings,
    container_of,
    error::to_result,
    pci,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// An event of a PCI function (`enum bus_notifier_event`).
#[derive(Clone, Copy)]
pub(crate) enum PciEvent {
    /// The function appeared on the bus.
    Added,
    /// The function left the bus.
    Removed,
    /// A driver was bound to the function.
    Bound,
    /// The function's driver was unbound.
    Unbound,
    /// A driver's probe failed or declined the function.
    NotBound,
}

/// A new state of a module (`enum module_state`).
#[derive(Clone, Copy)]
pub(crate) enum ModuleEvent {
    /// The module is loaded and initialised.
    Live,
    /// The module is about to be unloaded.
    Going,
}

/// Receives events. The kernel calls these methods in process context. They may sleep, but the
/// device or the module waits for them.
pub(crate) trait Listener: Send + Sync + Sized {
    /// A PCI function came, went, or changed its driver.
    fn pci(this: &Arc<Self>, event: PciEvent, device: &pci::Device);

    /// A module was loaded, or is about to be unloaded.
    fn module(this: &Arc<Self>, event: ModuleEvent, name: &[u8]);
}

/// A registered notifier block.
#[pin_data]
struct Block<L: Listener> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    listener: Arc<L>,
}

// SAFETY: Only the notifier chain uses the block, and it locks by itself. The listener may be
// shared and sent.
unsafe impl<L: Listener> Send for Block<L> {}
// SAFETY: As above.
unsafe impl<L: Listener> Sync for Block<L> {}

type Callback = unsafe extern "C" fn(*mut bindings::notifier_block, c_ulong, *mut c_void) -> c_int;

impl<L: Listener> Block<L> {
    fn new(listener: Arc<L>, callback: Callback) -> Result<Pin<KBox<Self>>> {
        KBox::pin_init(
            pin_init!(Self {
                block <- Opaque::ffi_init(|block: *mut bindings::notifier_block| {
                    let filled = bindings::notifier_block {
                        notifier_call: Some(callback),
                        ..Default::default()
                    };
                    // SAFETY: `block` is the memory that this initialises.
                    unsafe { block.write(filled) };
                }),
                listener,
            }),
            GFP_KERNEL,
        )
    }

    /// The listener of the block that a notifier chain calls.
    ///
    /// # Safety
    ///
    /// `block` must be the member of a `Self` that lives for `'a`.
    unsafe fn listener<'a>(block: *mut bindings::notifier_block) -> &'a Arc<L> {
        let block: *mut Opaque<bindings::notifier_block> = block.cast();
        // SAFETY: The caller guarantees that `block` is the member of a live `Self`.
        unsafe { &(*container_of!(block, Self, block)).listener }
    }

    /// Called by the PCI bus.
    ///
    /// # Safety
    ///
    /// `block` must be the member of a live `Self`, and `device` a device on the PCI bus.
    unsafe extern "C" fn pci(
        block: *mut bindings::notifier_block,
        event: c_ulong,
        device: *mut c_void,
    ) -> c_int {
        let event = match u32::try_from(event) {
            Ok(bindings::bus_notifier_event_BUS_NOTIFY_ADD_DEVICE) => PciEvent::Added,
            Ok(bindings::bus_notifier_event_BUS_NOTIFY_REMOVED_DEVICE) => PciEvent::Removed,
            Ok(bindings::bus_notifier_event_BUS_NOTIFY_BOUND_DRIVER) => PciEvent::Bound,
            Ok(bindings::bus_notifier_event_BUS_NOTIFY_UNBOUND_DRIVER) => PciEvent::Unbound,
            Ok(bindings::bus_notifier_event_BUS_NOTIFY_DRIVER_NOT_BOUND) => PciEvent::NotBound,
            _ => return bindings::NOTIFY_DONE as c_int,
        };
        // SAFETY: The caller guarantees a device on the PCI bus. Each is part of a
        // `struct pci_dev`.
        let device =
            unsafe { container_of!(device.cast::<bindings::device>(), bindings::pci_dev, dev) };
        // SAFETY: Therefore `device` is valid for the call. `pci::Device` wraps it transparently.
        let device = unsafe { &*device.cast::<pci::Device>() };
        // SAFETY: The caller guarantees it.
        L::pci(unsafe { Self::listener(block) }, event, device);
        bindings::NOTIFY_OK as c_int
    }

    /// Called by the module loader.
    ///
    /// # Safety
    ///
    /// `block` must be the member of a live `Self`, and `module` a module.
    unsafe extern "C" fn module(
        block: *mut bindings::notifier_block,
        event: c_ulong,
        module: *mut c_void,
    ) -> c_int {
        let event = match u32::try_from(event) {
            Ok(bindings::module_state_MODULE_STATE_LIVE) => ModuleEvent::Live,
            Ok(bindings::module_state_MODULE_STATE_GOING) => ModuleEvent::Going,
            _ => return bindings::NOTIFY_DONE as c_int,
        };
        // SAFETY: The caller guarantees that `module` is a module. Its name never changes.
        let name = unsafe { &(*module.cast::<bindings::module>()).name };
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        // SAFETY: The caller guarantees it.
        L::module(unsafe { Self::listener(block) }, event, name);
        bindings::NOTIFY_OK as c_int
    }

    fn raw(&self) -> *mut bindings::notifier_block {
        self.block.get()
    }
}

/// Notifies a listener of PCI events while this lives.
///
/// # Invariants
///
/// The block is registered with the PCI bus.
pub(crate) struct PciNotifier<L: Listener>(Pin<KBox<Block<L>>>);

impl<L: Listener> PciNotifier<L> {
    pub(crate) fn new(listener: Arc<L>) -> Result<Self> {
        let block = Block::new(listener, Block::<L>::pci)?;
        // SAFETY: The block is initialised and pinned, and lives until it is unregistered.
        to_result(unsafe {
            bindings::bus_register_notifier(&raw const bindings::pci_bus_type, block.raw())
        })?;
        // INVARIANT: The call above registered the block.
        Ok(Self(block))
    }
}

impl<L: Listener> Drop for PciNotifier<L> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the block is registered. The call waits for callbacks.
        unsafe {
            bindings::bus_unregister_notifier(&raw const bindings::pci_bus_type, self.0.raw())
        };
    }
}

/// Notifies a listener of module events while this lives.
///
/// # Invariants
///
/// The block is registered with the module loader.
pub(crate) struct ModuleNotifier<L: Listener>(Pin<KBox<Block<L>>>);

impl<L: Listener> ModuleNotifier<L> {
    pub(crate) fn new(listener: Arc<L>) -> Result<Self> {
        let block = Block::new(listener, Block::<L>::module)?;
        // SAFETY: The block is initialised and pinned, and lives until it is unregistered.
        to_result(unsafe { bindings::register_module_notifier(block.raw()) })?;
        // INVARIANT: The call above registered the block.
        Ok(Self(block))
    }
}

impl<L: Listener> Drop for ModuleNotifier<L> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the block is registered. The call waits for callbacks.
        unsafe { bindings::unregister_module_notifier(self.0.raw()) };
    }
}
