// SPDX-License-Identifier: GPL-2.0

//! A private mount of sysfs, and access to its files and folders.
//!
//! The mount is in no mount namespace. So every reader sees the same tree, whatever container or
//! root folder it lives in.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/mount.h`](srctree/include/linux/mount.h)

use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    container_of,
    error::{
        from_err_ptr,
        to_result, //
    },
    impl_has_work,
    new_mutex,
    new_work,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

use crate::facts::topology::MAX_FILE_BYTES;

use super::work;

/// A mount of sysfs.
///
/// # Invariants
///
/// `0` is a mount from `kern_mount()` that nobody has passed to `kern_unmount()`.
pub(crate) struct Sysfs(NonNull<bindings::vfsmount>);

// SAFETY: Any task may use and unmount a mount.
unsafe impl Send for Sysfs {}

// SAFETY: A shared reference only opens files. Opening takes its own references on the mount, and
// any number of tasks may do it at once.
unsafe impl Sync for Sysfs {}

impl Sysfs {
    /// Mounts sysfs.
    ///
    /// A worker does that, because a mount of sysfs holds the network namespace of the task that
    /// mounts it (`sysfs_init_fs_context()`, `fs/sysfs/mount.c`). The workers' namespace is the
    /// initial one, which always exists.
    pub(crate) fn mount() -> Result<Self> {
        let mounting = Arc::pin_init(
            pin_init!(Mounting {
                work <- new_work!("rdna1_kfd_guard::Mounting"),
                mount <- new_mutex!(Err(ENODEV)),
            }),
            GFP_KERNEL,
        )?;
        // Cannot fail: the work is new, so nobody has queued it yet.
        let _ = workqueue::system_long().enqueue(mounting.clone());
        work::flush(&mounting.work);
        let mut mount = mounting.mount.lock();
        core::mem::replace(&mut *mount, Err(ENODEV))
    }

    fn mount_here() -> Result<Self> {
        // SAFETY: The name is a valid C string. The returned type holds a reference on its file
        // system's module. sysfs is always built in (`fs/sysfs/Makefile`), so there is no module
        // and nothing to put.
        let kind = unsafe { bindings::get_fs_type(c"sysfs".as_char_ptr()) };
        let kind = NonNull::new(kind).ok_or(ENODEV)?;
        // SAFETY: `kind` is a registered file system type, and sysfs is never unregistered.
        let mount = from_err_ptr(unsafe { bindings::kern_mount(kind.as_ptr()) })?;
        // INVARIANT: `kern_mount()` just returned `mount`.
        NonNull::new(mount).map(Self).ok_or(ENODEV)
    }

    pub(crate) fn open(&self, path: &CStr) -> Result<OpenFile> {
        open_from(&self.root(), path, bindings::O_RDONLY).map(OpenFile)
    }

    pub(crate) fn open_folder(&self, path: &CStr) -> Result<OpenFolder> {
        let flags = bindings::O_RDONLY | bindings::O_DIRECTORY;
        open_from(&self.root(), path, flags).map(OpenFolder)
    }

    fn root(&self) -> bindings::path {
        bindings::path {
            mnt: self.0.as_ptr(),
            // SAFETY: By the type invariant the mount is alive, and so is its root.
            dentry: unsafe { self.0.as_ref() }.mnt_root,
        }
    }
}

/// Work that mounts sysfs, and its result.
#[pin_data]
struct Mounting {
    #[pin]
    work: Work<Self>,
    #[pin]
    mount: Mutex<Result<Sysfs>>,
}

impl_has_work! {
    impl HasWork<Self> for Mounting { self.work }
}

impl WorkItem for Mounting {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mount = Sysfs::mount_here();
        *this.mount.lock() = mount;
    }
}

fn open_from(root: &bindings::path, path: &CStr, flags: u32) -> Result<Reference> {
    // SAFETY: `root` is a valid path during the call, which takes its own references. `path` is a
    // valid C string. The call creates no file, so the mode does not matter.
    let file = from_err_ptr(unsafe {
        bindings::file_open_root(root, path.as_char_ptr(), flags as c_int, 0)
    })?;
    // INVARIANT: `file_open_root()` returns a reference that we own.
    NonNull::new(file).map(Reference).ok_or(ENOENT)
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        // SAFETY: By the type invariant `kern_mount()` made this mount. Only this call unmounts it.
        unsafe { bindings::kern_unmount(self.0.as_ptr()) };
    }
}

/// An open file or folder.
///
/// # Invariants
///
/// We hold a reference on the file `0`.
struct Reference(NonNull<bindings::file>);

// SAFETY: Any task may use and put a reference on an open file.
unsafe impl Send for Reference {}

impl Drop for Reference {
    /// Puts the file. The kernel closes it when the task returns to user space, or soon after in a
    /// worker. Until then, the file keeps the mount alive, but nothing of this module.
    fn drop(&mut self) {
        // SAFETY: By the type invariant we own the reference.
        unsafe { bindings::fput(self.0.as_ptr()) };
    }
}

/// A file open for reading. It does not pin its kobject: reading fails once that is gone.
pub(crate) struct OpenFile(Reference);

impl OpenFile {
    /// Reads the file once, from its start. sysfs formats the whole content for each such read, and
    /// shows all of it that fits `page`.
    pub(crate) fn read<'b>(&self, page: &'b mut FileBuffer) -> Result<&'b [u8]> {
        let buffer = page.0.as_mut_ptr().cast::<u8>();
        let mut position = 0;
        // SAFETY: The file is open for reading, `buffer` is writable for that length, and only this
        // call uses `position`. The call locks the file's other state by itself.
        let length = unsafe {
            bindings::kernel_read(
                self.0 .0.as_ptr(),
                buffer.cast(),
                MAX_FILE_BYTES,
                &mut position,
            )
        };
        let length = match usize::try_from(length) {
            Ok(length) => length.min(MAX_FILE_BYTES),
            // A negative errno, which fits.
            Err(_) => return Err(Error::from_errno(length as c_int)),
        };
        // SAFETY: `kernel_read()` returns the number of bytes that it wrote to `buffer`. The result
        // borrows `page`, which owns `buffer`.
        Ok(unsafe { core::slice::from_raw_parts(buffer, length) })
    }
}

/// An open folder. It does not pin its kobject.
pub(crate) struct OpenFolder(Reference);

impl OpenFolder {
    /// Opens a file below the folder.
    pub(crate) fn open(&self, path: &CStr) -> Result<OpenFile> {
        open_from(self.path(), path, bindings::O_RDONLY).map(OpenFile)
    }

    /// Opens a folder below the folder.
    pub(crate) fn open_folder(&self, path: &CStr) -> Result<Self> {
        let flags = bindings::O_RDONLY | bindings::O_DIRECTORY;
        open_from(self.path(), path, flags).map(Self)
    }

    fn path(&self) -> &bindings::path {
        // SAFETY: By the type invariant the file is valid. Its path is set when it is opened, and
        // does not change while it is open. Both members of the union are the same.
        unsafe { &(*self.0 .0.as_ptr()).__bindgen_anon_1.f_path }
    }

    /// Calls `each` with the name of every entry, until it fails.
    ///
    /// kernfs may hold its lock during the calls, so `each` must not use sysfs.
    pub(crate) fn list<F: FnMut(&[u8]) -> Result>(&self, each: F) -> Result {
        let mut listing = Listing {
            context: bindings::dir_context {
                actor: Some(Listing::<F>::entry),
                count: c_int::MAX,
                ..Default::default()
            },
            each,
            result: Ok(()),
        };
        // SAFETY: This is an open folder. Only the call uses `context`. It is the member of a
        // `Listing` that nothing else uses meanwhile, as `Listing::entry` requires.
        to_result(unsafe { bindings::iterate_dir(self.0 .0.as_ptr(), &raw mut listing.context) })?;
        listing.result
    }
}

/// A buffer for the longest file.
pub(crate) struct FileBuffer(KBox<MaybeUninit<[u8; MAX_FILE_BYTES]>>);

impl FileBuffer {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(KBox::new_uninit(GFP_KERNEL)?))
    }
}

/// The state of one call of [`OpenFolder::list`].
struct Listing<F> {
    context: bindings::dir_context,
    each: F,
    result: Result,
}

impl<F: FnMut(&[u8]) -> Result> Listing<F> {
    /// Handles one entry; returns whether to continue.
    ///
    /// # Safety
    ///
    /// `context` must be the member of a `Listing` that nothing else uses during the call, and
    /// `name` must be valid for `length` bytes.
    unsafe extern "C" fn entry(
        context: *mut bindings::dir_context,
        name: *const c_char,
        length: c_int,
        _position: bindings::loff_t,
        _inode: u64,
        _kind: c_uint,
    ) -> bool {
        // SAFETY: The caller guarantees that `context` is the member of a `Listing`.
        let listing = unsafe { container_of!(context, Self, context) };
        // SAFETY: The caller guarantees that nothing else uses it during the call.
        let listing = unsafe { &mut *listing };
        let Ok(length) = usize::try_from(length) else {
            return true;
        };
        // SAFETY: The caller guarantees that `name` is valid for `length` bytes.
        let name = unsafe { core::slice::from_raw_parts(name.cast::<u8>(), length) };
        listing.result = (listing.each)(name);
        listing.result.is_ok()
    }
}
