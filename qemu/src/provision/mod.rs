// SPDX-License-Identifier: GPL-2.0

//! Provisioning: fetches and prepares everything that builds and boots need.

pub mod busybox;
mod choose;
mod chroot;
mod metadata;
mod mirror;
mod own;
mod packages;
mod record;
mod resolve;
pub mod root;
mod stock;
pub mod symbols;
pub mod tools;

use std::path::PathBuf;

use anyhow::{bail, Context, Result};

pub use choose::Choice;
pub use chroot::{quote, Chroot};
pub use metadata::Compilers;
pub use record::describe;

use crate::cache::{Built, Cache};
use crate::kernels::{Kernel, Kernels, Origin, Source, Stock};
use crate::run::Privilege;
use crate::ui::Ui;

/// The settings for provisioning a kernel.
#[derive(Clone, Copy)]
pub struct Provision<'a> {
    /// The cache that keeps all results.
    pub cache: &'a Cache,
    /// Shows progress.
    pub ui: &'a Ui,
    /// How to get root's rights.
    pub privilege: &'a Privilege,
    /// All kernels of the project.
    pub kernels: &'a Kernels,
    /// The kernel to provision.
    pub kernel: &'a Kernel,
    /// Whether to accept a mirror whose Release file is expired.
    pub allow_expired: bool,
    /// Whether to ask the Debian suite again for its current kernel.
    pub update: bool,
}

/// A kernel that is ready for builds and boots.
pub struct Ready {
    /// The name of the kernel in the project.
    pub kernel: String,
    /// The kernel's version and packages.
    pub choice: Choice,
    /// The compilers of the kernel.
    pub compilers: Compilers,
    /// Arguments for make that name these compilers.
    pub make: String,
    /// The kernel image.
    pub image: PathBuf,
    /// The ID of this build of the image and of the stock modules.
    pub image_id: String,
    /// The initramfs archive of stock modules, if there are any.
    pub stock_archive: Option<PathBuf>,
    /// The folder of the headers package, if Debian built the kernel.
    pub stock_headers: Option<PathBuf>,
    root: Built,
    packages: Built,
    source: Built,
    object: Built,
    // Held so that no other process replaces them.
    _others: Vec<Built>,
}

impl Ready {
    /// The build root.
    pub fn root(&self) -> PathBuf {
        self.root.tree()
    }

    /// The stock packages, unpacked.
    pub fn packages(&self) -> PathBuf {
        self.packages.tree()
    }

    /// The kernel's source.
    pub fn source(&self) -> PathBuf {
        self.source.tree()
    }

    /// The object folder, which builds of modules need.
    pub fn object(&self) -> PathBuf {
        self.object.tree()
    }

    /// The ID of this build of the object folder.
    pub fn object_id(&self) -> &str {
        self.object.id()
    }
}

/// Provisions a kernel, except for steps that are already done.
pub fn provision(provision: &Provision) -> Result<Ready> {
    let ready = match &provision.kernel.from {
        Origin::Stock(stock) => take_stock(provision, stock)?,
        Origin::Source(source) => build_own(provision, source)?,
    };
    record::write(provision, &ready)?;
    show_headers(provision, &ready.source)?;
    Ok(ready)
}

/// Fetches the first kernel's headers for host builds, if they are missing.
pub fn headers(provision: &Provision) -> Result<()> {
    match &provision.kernel.from {
        Origin::Stock(stock) if !provision.cache.root().join(HEADERS).exists() => {
            let fetched = fetch(provision, stock)?;
            show_headers(provision, &fetched.source)
        }
        _ => Ok(()),
    }
}

/// The `uname -r` of a stock kernel. `None` for a kernel that modproof builds.
pub fn stock_abi(provision: &Provision) -> Result<Option<String>> {
    let Origin::Stock(stock) = &provision.kernel.from else {
        return Ok(None);
    };
    let root = root::ensure(provision)?;
    let (_, choice) = resolve::ensure(provision, stock, &root)?;
    Ok(Some(choice.abi))
}

/// Debian's packages of a kernel, with its source.
struct Fetched {
    choice: Choice,
    compilers: Compilers,
    root: Built,
    resolved: Built,
    packages: Built,
    source: Built,
}

fn fetch(provision: &Provision, stock: &Stock) -> Result<Fetched> {
    let root = root::ensure(provision)?;
    let (resolved, choice) = resolve::ensure(provision, stock, &root)?;
    let packages = packages::ensure(provision, &root, &resolved, &choice)?;
    let compilers = Compilers::of_stock(&packages.tree(), &choice)?;
    let source = packages::ensure_source(provision, &root, &packages)?;
    Ok(Fetched {
        choice,
        compilers,
        root,
        resolved,
        packages,
        source,
    })
}

fn take_stock(provision: &Provision, stock: &Stock) -> Result<Ready> {
    let fetched = fetch(provision, stock)?;
    let object = metadata::ensure(provision, &fetched)?;
    let image = stock::ensure(
        provision,
        &stock.modules,
        &fetched.packages,
        &fetched.choice,
    )?;
    Ok(Ready {
        kernel: provision.kernel.name.clone(),
        make: format!("CC={}", quote(&fetched.compilers.cc)),
        image: image.tree().join("vmlinuz"),
        image_id: image.id().to_owned(),
        stock_archive: Some(image.tree().join("stock.cpio")),
        stock_headers: Some(metadata::headers(&fetched.packages.tree(), &fetched.choice)),
        choice: fetched.choice,
        compilers: fetched.compilers,
        root: fetched.root,
        packages: fetched.packages,
        source: fetched.source,
        object,
        _others: vec![fetched.resolved, image],
    })
}

fn build_own(provision: &Provision, source: &Source) -> Result<Ready> {
    let base = provision.kernels.find(Some(&source.of))?;
    let Origin::Stock(stock) = &base.from else {
        bail!("{} is no stock kernel", base.name);
    };
    let fetched = fetch(
        &Provision {
            kernel: base,
            // The base kernel updates when modproof provisions that kernel itself.
            update: false,
            ..*provision
        },
        stock,
    )?;
    let root = root::ensure(provision)?;
    let object = own::ensure(provision, source, &root, &fetched.source)?;
    let (abi, compilers) = own::release_and_compilers(&object.tree())?;
    Ok(Ready {
        kernel: provision.kernel.name.clone(),
        choice: Choice {
            abi,
            ..fetched.choice
        },
        compilers,
        make: source.make.clone(),
        image: object.tree().join(own::IMAGE),
        image_id: object.id().to_owned(),
        stock_archive: None,
        stock_headers: None,
        root,
        packages: fetched.packages,
        source: fetched.source,
        object,
        _others: vec![fetched.resolved, fetched.root],
    })
}

/// The link in the cache to the kernel tree's own headers, for host builds.
const HEADERS: &str = "uapi";

/// Links to the first kernel's headers, so that host programs are not rebuilt for each kernel.
fn show_headers(provision: &Provision, source: &Built) -> Result<()> {
    let cache = provision.cache;
    let wanted = source.tree().join("include/uapi");
    let link = cache.root().join(HEADERS);
    let is_first = provision.kernels.names().next() == Some(&provision.kernel.name);
    match std::fs::read_link(&link) {
        Ok(there) if there == wanted => return Ok(()),
        Ok(there) if !is_first && there.exists() => return Ok(()),
        _ => {}
    }
    let fresh = tempfile::tempdir_in(cache.root())?;
    std::os::unix::fs::symlink(&wanted, fresh.path().join(HEADERS))?;
    std::fs::rename(fresh.path().join(HEADERS), &link)
        .with_context(|| format!("cannot make the link {}", link.display()))
}
