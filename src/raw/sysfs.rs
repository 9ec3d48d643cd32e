// SPDX-License-Identifier: GPL-2.0

//! A private mount of sysfs, and the reading of its files and folders.
//!
//! The mount is nobody's but ours: it does not show in any mount namespace, and is the same for
//! every reader, whatever containers or roots they live in.
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
/// `0` is a mount from `kern_mount()` that has not been given to `kern_unmount()`.
pub(crate) struct Sysfs(NonNull<bindings::vfsmount>);

// SAFETY: A mount may be used and unmounted from any task.
unsafe impl Send for Sysfs {}

// SAFETY: All that is done through a shared reference is to open files, which takes references on
// the mount by itself and may be done by any number of tasks at once.
unsafe impl Sync for Sysfs {}

impl Sysfs {
    /// Mounts sysfs.
    ///
    /// A worker does that: a mount of sysfs holds the network namespace of the task that makes it
    /// (`sysfs_init_fs_context()`, `fs/sysfs/mount.c`), and the workers' is the initial one, which
    /// stays anyway.
    pub(crate) fn mount() -> Result<Self> {
        let mounting = Arc::pin_init(
            pin_init!(Mounting {
                work <- new_work!("rdna1_kfd_guard::Mounting"),
                mount <- new_mutex!(Err(ENODEV)),
            }),
            GFP_KERNEL,
        )?;
        // It is new: nobody has queued it yet.
        let _ = workqueue::system_long().enqueue(mounting.clone());
        work::flush(&mounting.work);
        let mut mount = mounting.mount.lock();
        core::mem::replace(&mut *mount, Err(ENODEV))
    }

    fn mount_here() -> Result<Self> {
        // SAFETY: The name is a valid C string. The type returned holds a reference on the module
        // that the file system lives in; sysfs is always built in (`fs/sysfs/Makefile`), so there
        // is no module, and nothing to put.
        let kind = unsafe { bindings::get_fs_type(c"sysfs".as_char_ptr()) };
        let kind = NonNull::new(kind).ok_or(ENODEV)?;
        // SAFETY: `kind` is a registered file system type that can't go away.
        let mount = from_err_ptr(unsafe { bindings::kern_mount(kind.as_ptr()) })?;
        // INVARIANT: `mount` was just made by `kern_mount()`.
        NonNull::new(mount).map(Self).ok_or(ENODEV)
    }

    /// Opens the file at `path` for reading.
    pub(crate) fn open(&self, path: &CStr) -> Result<OpenFile> {
        open_from(&self.root(), path, bindings::O_RDONLY).map(OpenFile)
    }

    /// Opens the folder at `path`.
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

/// A mount that a worker makes.
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
    // SAFETY: `root` is a valid path for the call, which takes its own references, and `path` is a
    // valid C string. No file is created, so the mode does not matter.
    let file = from_err_ptr(unsafe {
        bindings::file_open_root(root, path.as_char_ptr(), flags as c_int, 0)
    })?;
    // INVARIANT: `file_open_root()` returns a reference of ours.
    NonNull::new(file).map(Reference).ok_or(ENOENT)
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is a mount of `kern_mount()`, given back only here.
        unsafe { bindings::kern_unmount(self.0.as_ptr()) };
    }
}

/// An open file or folder.
///
/// # Invariants
///
/// `0` is a file that we hold a reference on.
struct Reference(NonNull<bindings::file>);

// SAFETY: A reference on an open file may be used and given back by any task.
unsafe impl Send for Reference {}

impl Drop for Reference {
    /// Gives the file back; it is closed when the task returns to user space, or soon after by a
    /// worker. It keeps nothing of this module; but it does keep the mount, which is freed with the
    /// last file.
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours to give back.
        unsafe { bindings::fput(self.0.as_ptr()) };
    }
}

/// A file that is open for reading. It does not keep what it shows: when that goes, reading fails.
pub(crate) struct OpenFile(Reference);

impl OpenFile {
    /// Reads the file once, from its start, and returns what fits `page`: sysfs makes the whole
    /// content anew for such a read, and shows all of it.
    pub(crate) fn read<'b>(&self, page: &'b mut FileBuffer) -> Result<&'b [u8]> {
        let buffer = page.0.as_mut_ptr().cast::<u8>();
        let mut position = 0;
        // SAFETY: The file is open for reading, `buffer` is writable for that length, and `position`
        // is ours for the call. What else the file has, like its place, is locked by the call.
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
            // An errno, which fits.
            Err(_) => return Err(Error::from_errno(length as c_int)),
        };
        // SAFETY: `kernel_read()` returns how many bytes it has written to `buffer`, which is borrowed
        // for as long as the text is.
        Ok(unsafe { core::slice::from_raw_parts(buffer, length) })
    }
}

/// A folder that is open. It does not keep what it shows.
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
        // SAFETY: By the type invariant the file is there; its path is set when it is opened, and
        // not changed as long as it is. Both members of the union are the same.
        unsafe { &(*self.0 .0.as_ptr()).__bindgen_anon_1.f_path }
    }

    /// Calls `each` with the name of every entry, until it fails.
    ///
    /// kernfs can hold its lock meanwhile: `each` must not use sysfs.
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
        // SAFETY: This is an open folder. `context` is only used during the call, and is the
        // member of a `Listing` that nothing else uses meanwhile, as `Listing::entry` requires.
        to_result(unsafe { bindings::iterate_dir(self.0 .0.as_ptr(), &raw mut listing.context) })?;
        listing.result
    }
}

/// Room for the longest file.
pub(crate) struct FileBuffer(KBox<MaybeUninit<[u8; MAX_FILE_BYTES]>>);

impl FileBuffer {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(KBox::new_uninit(GFP_KERNEL)?))
    }
}

/// What the kernel needs while it lists a folder for us.
struct Listing<F> {
    context: bindings::dir_context,
    each: F,
    result: Result,
}

impl<F: FnMut(&[u8]) -> Result> Listing<F> {
    /// Takes one entry; returns whether to go on.
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
