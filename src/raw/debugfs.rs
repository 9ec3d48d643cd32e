// SPDX-License-Identifier: GPL-2.0

//! Read-only debugfs files that pin their module, show one consistent reading, and report errors.
//!
//! The kernel crate's `debugfs::Dir` does none of the three:
//!
//! - Its files do not name their module as owner. Closing one after the module is unloaded crashes
//!   the kernel (seen on 7.2, in `full_proxy_release()`).
//! - It reads the data again if the text outgrows the buffer.
//! - It cannot report an error from creating or reading a file.
//!
//! C headers: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result, //
    },
    fmt, new_mutex,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        Arc,
        Mutex, //
    },
};

use crate::compat::this_module;

/// Only root may read. Under lockdown, nobody could read a file with any write permission
/// (`debugfs_locked_down()`, `fs/debugfs/file.c`).
const MODE: bindings::umode_t = 0o400;

/// The source of a file's text.
pub(crate) trait Content: Send + Sync + 'static {
    /// AllFacts that one reading shows. seq_file may format it several times.
    type Reading: fmt::Display + Send + Unpin + 'static;

    /// Takes a reading. Each read from the file's start calls this.
    fn take(&self) -> Result<Self::Reading>;
}

/// A debugfs entry. Dropping it removes the entry and everything below it.
///
/// # Invariants
///
/// `0` is a dentry that debugfs created for us. Only dropping this value removes it.
struct Entry(NonNull<bindings::dentry>);

// SAFETY: Any task may use and remove a debugfs dentry.
unsafe impl Send for Entry {}

// SAFETY: A shared reference only exposes the address of the dentry.
unsafe impl Sync for Entry {}

impl Entry {
    /// Takes over the result of a debugfs function: an entry, or an error.
    ///
    /// # Safety
    ///
    /// A valid `entry` must be new, and nobody else may remove it.
    unsafe fn new(entry: *mut bindings::dentry) -> Result<Self> {
        // INVARIANT: The caller guarantees it.
        NonNull::new(from_err_ptr(entry)?).map(Self).ok_or(ENOENT)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the entry exists, and we may remove it. The call waits for
        // running operations on its files.
        unsafe { bindings::debugfs_remove(self.0.as_ptr()) };
    }
}

/// A folder at the root of debugfs.
pub(crate) struct Folder(Entry);

impl Folder {
    /// Creates a folder. Fails with the error of debugfs: EEXIST if the folder exists already,
    /// EPERM if debugfs is off.
    pub(crate) fn new(name: &CStr) -> Result<Arc<Self>> {
        // SAFETY: `name` is a valid C string; NULL means the root.
        let entry =
            unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) };
        // SAFETY: The call returns a new entry, or an error.
        let entry = unsafe { Entry::new(entry) }?;
        Ok(Arc::new(Self(entry), GFP_KERNEL)?)
    }
}

/// A debugfs file. Dropping it removes the file.
pub(crate) struct File<C: Content> {
    // Drop order matters: the file goes before its content and its folder.
    _entry: Entry,
    _content: KBox<C>,
    _folder: Arc<Folder>,
}

impl<C: Content> File<C> {
    /// Creates a file in `folder`.
    pub(crate) fn new(folder: &Arc<Folder>, name: &CStr, content: C) -> Result<Self> {
        let content = KBox::new(content, GFP_KERNEL)?;
        let data: *const C = &raw const *content;
        // SAFETY: `name` is a valid C string, the folder exists, and the operations are constant.
        // `data` has the type that the operations expect. It outlives the file: `_content` is
        // dropped after `_entry`.
        let entry = unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                MODE,
                folder.0 .0.as_ptr(),
                data.cast_mut().cast(),
                core::ptr::null(),
                &Opened::<C>::OPERATIONS,
            )
        };
        Ok(Self {
            // SAFETY: The call returns a new entry, or an error.
            _entry: unsafe { Entry::new(entry) }?,
            _content: content,
            _folder: folder.clone(),
        })
    }
}

/// Whether this module is loaded completely.
///
/// A load that fails frees the module even if somebody holds a reference on it (`do_init_module()`,
/// `kernel/module/main.c`). So nobody may get a reference before.
fn is_loaded() -> bool {
    let module = this_module().as_ptr();
    // SAFETY: `module` is this module, whose code is running. Others may write the field at the
    // same time. One volatile read suffices: any value is fine.
    let state = unsafe { (&raw const (*module).state).read_volatile() };
    state == bindings::module_state_MODULE_STATE_LIVE
}

/// The state of one open file.
#[pin_data]
struct Opened<C: Content> {
    content: NonNull<C>,
    #[pin]
    reading: Mutex<Option<C::Reading>>,
}

impl<C: Content> Opened<C> {
    const OPERATIONS: bindings::file_operations = bindings::file_operations {
        // Keeps the module loaded while the file is open.
        owner: this_module().as_ptr(),
        open: Some(Self::open),
        read: Some(Self::read),
        // Not `seq_lseek()`: it would format before there is a reading. `read` needs no seek.
        llseek: Some(bindings::no_seek_end_llseek),
        release: Some(Self::release),
        ..pin_init::zeroed()
    };

    /// Opens the file; fails with EAGAIN until the module is loaded.
    ///
    /// # Safety
    ///
    /// Must be called as `open` of a file whose inode's private data points to a `C` that outlives
    /// the operations on the file.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The caller guarantees that `inode` is valid.
        let content = unsafe { (*inode).i_private }.cast::<C>();
        from_result(|| {
            if !is_loaded() {
                return Err(EAGAIN);
            }
            let content = NonNull::new(content).ok_or(ENODEV)?;
            let opened = KBox::pin_init(
                pin_init!(Self {
                    content,
                    reading <- new_mutex!(None),
                }),
                GFP_KERNEL,
            )?;
            let opened = KBox::into_raw(
                // SAFETY: `opened` does not move until `release` drops it.
                unsafe { Pin::into_inner_unchecked(opened) },
            );
            // SAFETY: `file` is not initialised yet. `show` gets a valid `opened` until `release`.
            let error = unsafe { bindings::single_open(file, Some(Self::show), opened.cast()) };
            if error != 0 {
                // SAFETY: `opened` comes from `KBox::into_raw()`, and nobody else has it.
                drop(unsafe { KBox::from_raw(opened) });
            }
            Ok(error)
        })
    }

    /// The state that `open` created for `file`.
    ///
    /// # Safety
    ///
    /// `open` must have opened `file`, and nobody may release it during `'a`.
    unsafe fn of<'a>(file: *mut bindings::file) -> &'a Self {
        // SAFETY: `single_open()` made the file's private data a `struct seq_file`, whose private
        // data is `opened`.
        unsafe {
            &*(*(*file).private_data.cast::<bindings::seq_file>())
                .private
                .cast()
        }
    }

    /// Reads from the file. A read from the file's start takes a new reading.
    ///
    /// This happens before seq_file takes its lock. Taking a reading reads sysfs files, which are
    /// seq files, too, and lockdep cannot tell their locks from this file's.
    ///
    /// # Safety
    ///
    /// Must be called as `read` of a file that `open` has opened.
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        buffer: *mut c_char,
        count: usize,
        position: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The caller guarantees that `file` stays open during the call.
        let opened = unsafe { Self::of(file) };
        // SAFETY: The VFS passes a position that only this call uses.
        let from_start = unsafe { *position } == 0;
        if let Err(error) = opened.refresh(from_start) {
            return error.to_errno() as isize;
        }
        // SAFETY: The arguments come from the VFS, for a file of `single_open()`.
        unsafe { bindings::seq_read(file, buffer, count, position) }
    }

    /// Takes a reading if one is due or none exists.
    fn refresh(&self, due: bool) -> Result {
        if !due && self.reading.lock().is_some() {
            return Ok(());
        }
        let reading = self.content().take()?;
        // The old reading is dropped after the lock is released.
        let _old = self.reading.lock().replace(reading);
        Ok(())
    }

    fn content(&self) -> &C {
        // SAFETY: debugfs waits for operations on a file before it removes the file, and the
        // content is dropped after that.
        unsafe { self.content.as_ref() }
    }

    /// Writes the reading into the seq file. If the text does not fit, seq_file calls this again
    /// with a larger buffer.
    ///
    /// # Safety
    ///
    /// Must be called for a seq file of `open`.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: `open` made this the private data, alive until `release`.
        let opened = unsafe { &*(*seq).private.cast::<Self>() };
        // SAFETY: seq_file holds its lock, so only this call uses the seq file.
        let seq = unsafe { SeqFile::from_raw(seq) };
        seq_print!(seq, "{}", opened);
        0
    }

    /// Closes the file.
    ///
    /// # Safety
    ///
    /// Must be called once, as `release` of a file that `open` has opened.
    unsafe extern "C" fn release(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The caller guarantees that `file` is not released yet.
        let opened: *const Self = unsafe { Self::of(file) };
        // SAFETY: The arguments come from the VFS, for a file of `single_open()`.
        let result = unsafe { bindings::single_release(inode, file) };
        // SAFETY: `opened` comes from `KBox::into_raw()`, and nothing can reach it any more.
        drop(unsafe { KBox::from_raw(opened.cast_mut()) });
        result
    }
}

impl<C: Content> fmt::Display for Opened<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.reading.lock() {
            Some(reading) => reading.fmt(f),
            None => Ok(()),
        }
    }
}
