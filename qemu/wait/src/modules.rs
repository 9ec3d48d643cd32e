// SPDX-License-Identifier: GPL-2.0

//! Loads and unloads modules, and reads their state from sysfs.
//!
//! "Own" modules are those that the host built for the test; "stock" ones come with the kernel.

use std::ffi::{CStr, CString};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use modproof_formats::{module_name, ModulesDep};
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, init_module, DeleteModuleFlags, ModuleInitFlags};

use crate::modinfo::ModInfo;

/// The folder of the own modules in the initramfs.
const OWN: &str = "/modules";
/// The folder of their signed copies, if the host has a key that the kernel trusts.
const SIGNED: &str = "/modules/signed";
/// The folder of the stock modules, with their modules.dep.
const STOCK: &str = "/modules/stock";

/// A module that the kernel refused to load or to unload.
#[derive(Debug)]
pub struct Refused {
    /// The system call: `finit_module`, `init_module` or `delete_module`.
    call: &'static str,
    module: String,
    /// The kernel's answer.
    pub errno: Errno,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.call, self.module, self.errno)
    }
}

impl std::error::Error for Refused {}

/// The modules that the initramfs holds.
#[derive(Clone)]
pub struct Modules {
    own: &'static str,
    stock: ModulesDep,
}

impl Modules {
    /// Reads the stock modules' modules.dep. Without that file there are no stock modules.
    pub fn find() -> Result<Self> {
        let path = Path::new(STOCK).join("modules.dep");
        let stock = match fs::read_to_string(&path) {
            Ok(text) => ModulesDep::parse(&text)?,
            Err(_) => ModulesDep::default(),
        };
        Ok(Self { own: OWN, stock })
    }

    /// The same with signed own modules, if there are any.
    pub fn signed(&self) -> Option<Self> {
        let signed = Self {
            own: SIGNED,
            ..self.clone()
        };
        Path::new(SIGNED).is_dir().then_some(signed)
    }

    /// The file of an own module.
    pub fn own_path(&self, name: &str) -> PathBuf {
        Path::new(self.own).join(format!("{name}.ko"))
    }

    /// Loads an own module, after the stock modules that it depends on.
    pub fn load_own(&self, name: &str, parameters: &str) -> Result<()> {
        let path = self.own_path(name);
        for needed in ModInfo::read(&path)?.depends() {
            self.load_stock(needed)?;
        }
        insert(&path, parameters)
    }

    /// Loads a stock module and all that it depends on, except those that are loaded already.
    pub fn load_stock(&self, name: &str) -> Result<()> {
        for path in self.stock.load_order(name)? {
            if !is_loaded(&module_name(&path)) {
                insert(&Path::new(STOCK).join(path), "")?;
            }
        }
        Ok(())
    }

    /// Unloads one stock module. Those that it depends on stay.
    pub fn unload(&self, name: &str) -> Result<()> {
        remove(name)
    }

    /// Whether the initramfs holds this stock module.
    pub fn has_stock(&self, name: &str) -> bool {
        self.stock.has(name)
    }
}

/// The file of an own module, without a signature.
pub fn own_path(name: &str) -> PathBuf {
    Path::new(OWN).join(format!("{name}.ko"))
}

/// Loads the module in this file.
pub fn insert(path: &Path, parameters: &str) -> Result<()> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let parameters = CString::new(parameters).context("module parameters with a NUL")?;
    finit_module(&file, &parameters, ModuleInitFlags::empty())
        .map_err(|errno| refused("finit_module", &path.display().to_string(), errno))
}

fn refused(call: &'static str, module: &str, errno: Errno) -> anyhow::Error {
    let module = module.to_owned();
    let refused = Refused {
        call,
        module,
        errno,
    };
    refused.into()
}

/// A module that is in memory already: a load is one system call.
pub struct Image {
    name: String,
    bytes: Vec<u8>,
}

impl Image {
    /// Reads an own module. The caller has to load what it depends on.
    pub fn own(name: &str) -> Result<Self> {
        let path = own_path(name);
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let name = name.to_owned();
        Ok(Self { name, bytes })
    }

    /// Loads the module.
    pub fn load(&self, parameters: &CStr) -> Result<()> {
        init_module(&self.bytes, parameters)
            .map_err(|errno| refused("init_module", &self.name, errno))
    }
}

/// Unloads the module of this name.
pub fn remove(name: &str) -> Result<()> {
    let c_name = CString::new(name).context("module name with a NUL")?;
    delete_module(&c_name, DeleteModuleFlags::O_NONBLOCK)
        .map_err(|errno| refused("delete_module", name, errno))
}

/// Unloads the module of this name, unless somebody holds it. Returns whether it was unloaded.
pub fn remove_unless_held(name: &str) -> Result<bool> {
    match remove(name) {
        Ok(()) => Ok(true),
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.errno == Errno::EAGAIN => Ok(false),
            _ => Err(error.context("expected the unload to work or to fail with EAGAIN")),
        },
    }
}

/// Demands that the kernel does not have the module of this name any more.
pub fn expect_gone(name: &str) -> Result<()> {
    let folder = Path::new("/sys/module").join(name);
    ensure!(
        !folder.exists(),
        "{} is still there after the unload",
        folder.display()
    );
    let listed = fs::read_to_string("/proc/modules").context("read /proc/modules")?;
    let mut names = listed.lines().filter_map(|line| line.split(' ').next());
    ensure!(
        !names.any(|listed| listed == name),
        "/proc/modules still lists {name} after the unload"
    );
    Ok(())
}

/// Whether the module is loaded: its folder in /sys/module has a refcount.
///
/// Built-in code has a folder there too, but no refcount.
pub fn is_loaded(name: &str) -> bool {
    refcount_path(name).exists()
}

/// The number of references on the module.
pub fn refcount(name: &str) -> Result<u64> {
    let path = refcount_path(name);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{} holds {text:?}", path.display()))
}

/// The size of the module's code and data in bytes, each in whole pages.
pub fn size(name: &str) -> Result<u64> {
    let path = Path::new("/sys/module").join(name).join("coresize");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{} holds {text:?}", path.display()))
}

/// The path of a module's parameter.
pub fn parameter(name: &str, parameter: &str) -> PathBuf {
    Path::new("/sys/module")
        .join(name)
        .join("parameters")
        .join(parameter)
}

fn refcount_path(name: &str) -> PathBuf {
    Path::new("/sys/module").join(name).join("refcnt")
}
