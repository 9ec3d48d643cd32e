// SPDX-License-Identifier: GPL-2.0

//! Being told when functions of another module are entered.
//!
//! C header: [`include/linux/kprobes.h`](srctree/include/linux/kprobes.h)
//!
//! Where the function begins with a call that ftrace can patch, kprobes go by that, and no
//! instruction is replaced by a trap.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A function of a module.
///
/// # Safety
///
/// Whenever the function is called, its third argument is a pointer to an `Argument` that may be
/// read until the function's first instruction of its own, and that nobody changes meanwhile.
pub(crate) unsafe trait Function {
    /// Its name: `module:function`.
    const NAME: &'static CStr;

    /// What its third argument points to.
    type Argument;

    /// A function that has to be there, too, for the safety of this.
    const BESIDE: Option<&'static CStr> = None;
}

/// Who is told that a function was entered.
pub(crate) trait Entered<F: Function>: Send + Sync {
    /// The function was entered. Called with preemption, or interrupts, disabled: it must not sleep,
    /// nor do anything long.
    fn entered(&self, call: Call<'_, F>);
}

/// A call of a function, before anything of it has run.
pub(crate) struct Call<'a, F: Function> {
    argument: NonNull<F::Argument>,
    _call: PhantomData<&'a F::Argument>,
}

impl<'a, F: Function> Call<'a, F> {
    /// What the function's third argument points to.
    pub(crate) fn argument(&self) -> &'a F::Argument {
        // SAFETY: `Function` promises that it may be read until the call happens; `'a` ends before.
        unsafe { self.argument.as_ref() }
    }

    /// A pointer to it, for what follows it in memory.
    pub(super) fn pointer(&self) -> NonNull<F::Argument> {
        self.argument
    }
}

/// How a probe is.
#[derive(Clone, Copy)]
pub(crate) struct Status {
    /// Whether the kernel has taken it.
    pub(crate) armed: Result,
    /// Whether the kernel calls it by ftrace, if it is armed.
    pub(crate) by_ftrace: bool,
    /// How often it was not called though it should have been: another probe was running.
    pub(crate) missed: u64,
}

impl Status {
    const NEW: Self = Self {
        armed: Err(imp::WHY_NOT),
        by_ftrace: false,
        missed: 0,
    };
}

pub(crate) use imp::{
    Probes,
    Target, //
};

#[cfg(kprobes)]
mod imp {
    use kernel::{
        bindings,
        container_of,
        error::to_result,
        types::Opaque, //
    };

    use super::*;

    #[allow(
        missing_docs,
        non_camel_case_types,
        non_upper_case_globals,
        dead_code,
        unreachable_pub,
        unsafe_op_in_unsafe_fn,
        clippy::all,
        clippy::cast_lossless,
        clippy::ptr_as_ptr,
        clippy::ref_as_ptr,
        clippy::undocumented_unsafe_blocks
    )]
    mod bound {
        use kernel::{
            bindings::*,
            ffi, //
        };

        include!("../../rust-bindings/kprobes.rs");
    }

    use bound::kprobe;

    /// Of a probe that was not armed yet: its function is not there.
    pub(super) const WHY_NOT: Error = ENOENT;

    type Handler = unsafe extern "C" fn(*mut kprobe, *mut bindings::pt_regs) -> c_int;

    /// A function to watch, for the benefit of a `C`.
    pub(crate) struct Target<C> {
        name: &'static CStr,
        beside: Option<&'static CStr>,
        handler: Handler,
        _context: PhantomData<fn(&C)>,
    }

    impl<C> Target<C> {
        /// Has a `C` told of the entries of `F`.
        pub(crate) fn new<F: Function>() -> Self
        where
            C: Entered<F>,
        {
            Self {
                name: F::NAME,
                beside: F::BESIDE,
                handler: Probe::<C>::entered::<F>,
                _context: PhantomData,
            }
        }
    }

    /// A probe at one function.
    struct Probe<C> {
        kprobe: Opaque<kprobe>,
        context: *const C,
    }

    impl<C> Probe<C> {
        /// Called by kprobes.
        ///
        /// # Safety
        ///
        /// `kprobe` must be the member of a live `Self` whose context is alive, registered at the
        /// entry of `F`; `registers` must be those that are there.
        unsafe extern "C" fn entered<F: Function>(
            kprobe: *mut kprobe,
            registers: *mut bindings::pt_regs,
        ) -> c_int
        where
            C: Entered<F>,
        {
            let kprobe: *mut Opaque<kprobe> = kprobe.cast();
            // SAFETY: The caller guarantees that it is the member of a live probe with a context.
            let context = unsafe { &*(*container_of!(kprobe, Self, kprobe)).context };
            // SAFETY: The caller guarantees that these are the registers; the third argument of a
            // C function is in rdx.
            let argument = unsafe { (*registers).dx } as *mut F::Argument;
            if let Some(argument) = NonNull::new(argument) {
                context.entered(Call {
                    argument,
                    _call: PhantomData,
                });
            }
            0
        }
    }

    /// Probes at `N` functions, which are armed and disarmed together.
    ///
    /// # Invariants
    ///
    /// A probe that is registered has a status that says armed. Those whose status says so were
    /// registered and not unregistered since.
    pub(crate) struct Probes<C, const N: usize> {
        targets: [Target<C>; N],
        status: [Status; N],
        /// Each is there until the kernel does not give it back.
        probes: [Option<KBox<Probe<C>>>; N],
        _context: Arc<C>,
    }

    // SAFETY: The context may be sent and shared, and kprobes lock by themselves.
    unsafe impl<C: Send + Sync, const N: usize> Send for Probes<C, N> {}

    impl<C, const N: usize> Probes<C, N> {
        /// Makes probes, and arms none.
        pub(crate) fn new(context: Arc<C>, targets: [Target<C>; N]) -> Result<Self> {
            let mut probes = [const { None }; N];
            for place in &mut probes {
                let probe = Probe {
                    kprobe: Opaque::zeroed(),
                    context: &raw const *context,
                };
                *place = Some(KBox::new(probe, GFP_KERNEL)?);
            }
            Ok(Self {
                targets,
                status: [Status::NEW; N],
                probes,
                _context: context,
            })
        }

        /// Arms the probes that are not, as far as that can be done. Takes a reference on the
        /// functions' module for a moment, and holds none afterwards.
        pub(crate) fn arm(&mut self) {
            let probes = self.targets.iter().zip(self.probes.iter());
            for ((target, probe), status) in probes.zip(&mut self.status) {
                if let (Some(probe), Err(_)) = (probe, status.armed) {
                    // INVARIANT: If it is registered, this says so.
                    status.armed = arm(target.name, target.beside, target.handler, &probe.kprobe);
                    status.by_ftrace = flags(&probe.kprobe) & bound::KPROBE_FLAG_FTRACE != 0;
                }
            }
        }

        /// Disarms all. When this returns nobody is told of anything any more.
        pub(crate) fn disarm(&mut self) {
            let mut armed = [core::ptr::null_mut(); N];
            let mut count: c_int = 0;
            let probes = self.probes.iter().zip(&self.status);
            let registered = probes.filter_map(|(probe, status)| {
                status.armed.ok()?;
                Some(probe.as_ref()?.kprobe.get())
            });
            for (kprobe, place) in registered.zip(&mut armed) {
                *place = kprobe;
                count = count.saturating_add(1);
            }
            if count == 0 {
                return;
            }
            // SAFETY: By the type invariant the first `count` were registered and not unregistered
            // since. Handlers run with preemption disabled: the call waits for them.
            unsafe { bound::unregister_kprobes(armed.as_mut_ptr(), count) };
            for (place, status) in self.probes.iter_mut().zip(&mut self.status) {
                let (Some(probe), Ok(())) = (&*place, status.armed) else {
                    continue;
                };
                status.missed = status.missed.saturating_add(missed(&probe.kprobe));
                // INVARIANT: It was unregistered, or is never looked at again.
                status.armed = Err(WHY_NOT);
                if is_kept(&probe.kprobe) {
                    pr_err!("a kprobe could not be taken away: it stays, and does nothing\n");
                    silence(&probe.kprobe);
                    status.armed = Err(EBUSY);
                    // The kernel has it for ever.
                    core::mem::forget(place.take());
                }
            }
        }

        /// How the probes are, in the order of the targets.
        pub(crate) fn status(&self) -> [Status; N] {
            let mut status = self.status;
            for (probe, status) in self.probes.iter().zip(&mut status) {
                if let (Some(probe), Ok(())) = (probe, status.armed) {
                    status.missed = status.missed.saturating_add(missed(&probe.kprobe));
                }
            }
            status
        }
    }

    impl<C, const N: usize> Drop for Probes<C, N> {
        fn drop(&mut self) {
            self.disarm();
        }
    }

    fn arm(
        name: &'static CStr,
        beside: Option<&'static CStr>,
        handler: Handler,
        kprobe: &Opaque<kprobe>,
    ) -> Result {
        if let Some(beside) = beside {
            exists(beside)?;
        }
        register(name, Some(handler), kprobe)?;
        // Where no memory is left the kernel can take a probe, fail to arm it, drop it, and still
        // say that all is well (`__register_kprobe()`, `kernel/kprobes.c`). It does not enable one
        // that it does not have; one that it has is enabled already.
        // SAFETY: It was initialised by `register()`; the kernel looks up itself whether it has it.
        to_result(unsafe { bound::enable_kprobe(kprobe.get()) }).inspect_err(|_| {
            // SAFETY: As above. This may be one whose module has just gone.
            unsafe { bound::unregister_kprobe(kprobe.get()) };
        })
    }

    /// Whether a function is there: a disabled probe changes no code.
    fn exists(name: &'static CStr) -> Result {
        let kprobe = Opaque::zeroed();
        register(name, None, &kprobe)?;
        // SAFETY: It was just registered, and has not been moved.
        unsafe { bound::unregister_kprobe(kprobe.get()) };
        Ok(())
    }

    /// Registers a probe that is not registered, disabled if it has no handler.
    fn register(name: &'static CStr, handler: Option<Handler>, kprobe: &Opaque<kprobe>) -> Result {
        let raw = kprobe.get();
        // SAFETY: It is ours alone while it is not registered, and zeroes are a valid one. The name
        // is valid for ever.
        unsafe {
            // The address that an earlier registration has left must not stand beside a name.
            raw.write_bytes(0, 1);
            (*raw).symbol_name = name.as_char_ptr();
            (*raw).pre_handler = handler;
            if handler.is_none() {
                (*raw).flags = bound::KPROBE_FLAG_DISABLED;
            }
        }
        // SAFETY: It is initialised as `register_kprobe()` demands.
        to_result(unsafe { bound::register_kprobe(raw) })
    }

    /// Whether the kernel still has a probe that was unregistered: where it has no memory to take it
    /// away it says so by the address alone (`unregister_kprobes()`, `kernel/kprobes.c`).
    fn is_kept(kprobe: &Opaque<kprobe>) -> bool {
        // SAFETY: It is initialised, and the kernel has written this before it returned.
        unsafe { (&raw const (*kprobe.get()).addr).read().is_null() }
    }

    /// Leaves nothing of this module in a probe that the kernel keeps.
    fn silence(kprobe: &Opaque<kprobe>) {
        let raw = kprobe.get();
        // SAFETY: It is initialised. Nobody else changes the flags: the kernel does so for who asks it
        // to, and that is over. A disabled probe's handler is not called.
        unsafe {
            let flags = &raw mut (*raw).flags;
            flags.write_volatile(flags.read_volatile() | bound::KPROBE_FLAG_DISABLED);
        }
        // SAFETY: It may be called wherever one may sleep. Afterwards whoever was in the handler has
        // left it.
        unsafe { bindings::synchronize_rcu() };
        // SAFETY: As above; a probe may be without these.
        unsafe {
            (&raw mut (*raw).pre_handler).write_volatile(None);
            (&raw mut (*raw).symbol_name).write_volatile(core::ptr::null());
        }
    }

    fn flags(kprobe: &Opaque<kprobe>) -> u32 {
        // SAFETY: It is initialised. The kernel may write meanwhile; its own readers do not lock,
        // either.
        unsafe { (&raw const (*kprobe.get()).flags).read_volatile() }
    }

    fn missed(kprobe: &Opaque<kprobe>) -> u64 {
        // SAFETY: As above.
        unsafe { (&raw const (*kprobe.get()).nmissed).read_volatile() as u64 }
    }
}

#[cfg(not(kprobes))]
mod imp {
    use super::*;

    /// This kernel has no kprobes, or has another way of passing arguments.
    pub(super) const WHY_NOT: Error = EOPNOTSUPP;

    /// A function that cannot be watched.
    pub(crate) struct Target<C>(PhantomData<fn(&C)>);

    impl<C> Target<C> {
        /// Would have a `C` told of the entries of `F`.
        pub(crate) fn new<F: Function>() -> Self
        where
            C: Entered<F>,
        {
            let _ = (F::NAME, F::BESIDE, C::entered);
            Self(PhantomData)
        }
    }

    /// Probes that are never armed.
    pub(crate) struct Probes<C, const N: usize>(PhantomData<fn(&C)>);

    impl<C, const N: usize> Probes<C, N> {
        /// Makes probes.
        pub(crate) fn new(_context: Arc<C>, _targets: [Target<C>; N]) -> Result<Self> {
            Ok(Self(PhantomData))
        }

        /// Arms none.
        pub(crate) fn arm(&mut self) {}

        /// Disarms none.
        pub(crate) fn disarm(&mut self) {}

        /// That they are not armed.
        pub(crate) fn status(&self) -> [Status; N] {
            [Status::NEW; N]
        }
    }
}
