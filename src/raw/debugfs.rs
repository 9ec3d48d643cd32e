// SPDX-License-Identifier: GPL-2.0

//! Read-only files in debugfs that hold their module, keep one reading whole, and can fail.
//!
//! The kernel crate's `debugfs::Dir` does none of the three: its files do not name their module as
//! owner, so that closing one after the module has gone crashes the kernel (seen on 7.2, in
//! `full_proxy_release()`); what they show is read again when its text outgrows the buffer;
//! and neither the creation nor the reading of a file can report an error.
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

/// Only root may read. A file that anybody could write would be unreadable under lockdown
/// (`debugfs_locked_down()`, `fs/debugfs/file.c`).
const MODE: bindings::umode_t = 0o400;

/// What a file shows.
pub(crate) trait Content: Send + Sync + 'static {
    /// All that one reading shows. Can be written several times.
    type Reading: fmt::Display + Send + Unpin + 'static;

    /// Takes a reading. Called whenever the file is read from its start.
    fn take(&self) -> Result<Self::Reading>;
}

/// An entry of debugfs, removed with all below it when dropped.
///
/// # Invariants
///
/// `0` is a dentry that debugfs made for us and that is only removed by dropping this.
struct Entry(NonNull<bindings::dentry>);

// SAFETY: A debugfs dentry may be used and removed by any task.
unsafe impl Send for Entry {}

// SAFETY: A shared reference only gives the address of the dentry.
unsafe impl Sync for Entry {}

impl Entry {
    /// Takes over what a function of debugfs returned: an entry, or an error.
    ///
    /// # Safety
    ///
    /// A valid `entry` must be new, and not be removed by anybody else.
    unsafe fn new(entry: *mut bindings::dentry) -> Result<Self> {
        // INVARIANT: The caller guarantees it.
        NonNull::new(from_err_ptr(entry)?).map(Self).ok_or(ENOENT)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the entry is there, and ours to remove. The call waits for
        // operations on its files that are under way.
        unsafe { bindings::debugfs_remove(self.0.as_ptr()) };
    }
}

/// A folder at the root of debugfs.
pub(crate) struct Folder(Entry);

impl Folder {
    /// Makes a folder. Fails with what debugfs answers: EEXIST if it is there already, EPERM if
    /// debugfs is off.
    pub(crate) fn new(name: &CStr) -> Result<Arc<Self>> {
        // SAFETY: `name` is a valid C string; NULL stands for the root.
        let entry =
            unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) };
        // SAFETY: The call makes a new entry, or fails.
        let entry = unsafe { Entry::new(entry) }?;
        Ok(Arc::new(Self(entry), GFP_KERNEL)?)
    }
}

/// A file of debugfs, removed when dropped.
pub(crate) struct File<C: Content> {
    // This order is load-bearing for drops: the file goes before its content and its folder.
    _entry: Entry,
    _content: KBox<C>,
    _folder: Arc<Folder>,
}

impl<C: Content> File<C> {
    /// Makes a file in `folder`.
    pub(crate) fn new(folder: &Arc<Folder>, name: &CStr, content: C) -> Result<Self> {
        let content = KBox::new(content, GFP_KERNEL)?;
        let data: *const C = &raw const *content;
        // SAFETY: `name` is a valid C string, the folder is there, and the operations are constant.
        // `data` is what the operations expect, and outlives the file: it is dropped after it.
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
            // SAFETY: The call makes a new entry, or fails.
            _entry: unsafe { Entry::new(entry) }?,
            _content: content,
            _folder: folder.clone(),
        })
    }
}

/// Whether the load of this module has succeeded.
///
/// A load that fails frees the module although somebody holds a reference on it
/// (`do_init_module()`, `kernel/module/main.c`), so nobody may have one before.
fn is_loaded() -> bool {
    let module = this_module().as_ptr();
    // SAFETY: `module` is this module, whose code is running. Others may write the field meanwhile;
    // it is read once, and any value is fine.
    let state = unsafe { (&raw const (*module).state).read_volatile() };
    state == bindings::module_state_MODULE_STATE_LIVE
}

/// What belongs to one opening of a file.
#[pin_data]
struct Opened<C: Content> {
    content: NonNull<C>,
    #[pin]
    reading: Mutex<Option<C::Reading>>,
}

impl<C: Content> Opened<C> {
    const OPERATIONS: bindings::file_operations = bindings::file_operations {
        // Keeps the module while the file is open.
        owner: this_module().as_ptr(),
        open: Some(Self::open),
        read: Some(Self::read),
        // `seq_lseek()` would ask for the text before there is a reading. A read finds its place
        // by itself.
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
                // SAFETY: It is not moved until it is dropped in `release`.
                unsafe { Pin::into_inner_unchecked(opened) },
            );
            // SAFETY: `file` is not initialised yet, and `show` gets `opened` as it requires, until
            // `release`.
            let error = unsafe { bindings::single_open(file, Some(Self::show), opened.cast()) };
            if error != 0 {
                // SAFETY: `opened` comes from `KBox::into_raw()` and nobody else has it.
                drop(unsafe { KBox::from_raw(opened) });
            }
            Ok(error)
        })
    }

    /// What `open` made for `file`.
    ///
    /// # Safety
    ///
    /// `file` must have been opened by `open` and not been released for `'a`.
    unsafe fn of<'a>(file: *mut bindings::file) -> &'a Self {
        // SAFETY: `single_open()` made the file's private data a `struct seq_file`, and `opened` the
        // private data of that.
        unsafe {
            &*(*(*file).private_data.cast::<bindings::seq_file>())
                .private
                .cast()
        }
    }

    /// Reads from the file; from its start, that is a new reading.
    ///
    /// The reading is taken before seq_file locks: taking it reads files of sysfs, which are seq
    /// files, too, and lockdep cannot tell their locks from ours.
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
        // SAFETY: The caller guarantees that `file` is open meanwhile.
        let opened = unsafe { Self::of(file) };
        // SAFETY: The VFS gives a position that is ours for the call.
        let from_start = unsafe { *position } == 0;
        if let Err(error) = opened.refresh(from_start) {
            return error.to_errno() as isize;
        }
        // SAFETY: The arguments are those that the VFS gave us, for a file of `single_open()`.
        unsafe { bindings::seq_read(file, buffer, count, position) }
    }

    /// Takes a reading if another is due, or there is none.
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

    /// Writes the reading into the seq file. seq_file calls this again, with a larger buffer, when
    /// the text did not fit.
    ///
    /// # Safety
    ///
    /// Must be called for a seq file of `open`.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: `open` made this the private data, alive until `release`.
        let opened = unsafe { &*(*seq).private.cast::<Self>() };
        // SAFETY: The caller has the seq file for itself: seq_file holds its lock.
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
        // SAFETY: The arguments are those that the VFS gave us, for a file of `single_open()`.
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
