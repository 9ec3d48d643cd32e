// SPDX-License-Identifier: GPL-2.0

//! Finds the folder of KFD's headers for the build, and checks that they are new enough.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

use anyhow::{
    bail,
    Result, //
};

/// The headers of KFD's user-space interface.
pub const KFD_HEADERS: [&str; 2] = ["kfd_sysfs.h", "kfd_ioctl.h"];

/// The newest names in them that this project uses. The first kernel with all of them is [`FIRST`].
const NEWEST: [&str; 2] = [
    "KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT",
    "KFD_IOCTL_SVM_FLAG_EXT_COHERENT",
];
const FIRST: &str = "6.7";

/// The C library's copy of the headers: on Debian that of linux-libc-dev.
const SYSTEM: &str = "/usr/include";

/// The folder that has `linux/kfd_sysfs.h`: `KFD_UAPI_HEADERS` if it is set; else the first that
/// is new enough of the provisioned kernel's, installed kernel headers, and the C library's.
pub fn find() -> Result<PathBuf> {
    println!("cargo:rerun-if-env-changed=KFD_UAPI_HEADERS");
    println!("cargo:rerun-if-env-changed=RDNA1_CACHE");
    if let Some(named) = set("KFD_UAPI_HEADERS") {
        return named_by_user(named.into());
    }
    let provisioned = cache().map(|cache| cache.join("uapi"));
    let found = provisioned.into_iter().chain(installed());
    let found = choose(found.chain([SYSTEM.into()]))?;
    if found == Path::new(SYSTEM) {
        println!(
            "cargo:warning=KFD's constants come from {SYSTEM} (linux-libc-dev), which can be older than \
             any kernel here; `make provision` brings a kernel tree's"
        );
    }
    Ok(found)
}

/// Checks the folder that `KFD_UAPI_HEADERS` names.
pub fn named_by_user(named: PathBuf) -> Result<PathBuf> {
    if !has_kfd(&named) {
        bail!(
            "KFD_UAPI_HEADERS is {}, but there is no linux/kfd_sysfs.h in it. \
             Name the include/uapi folder of a kernel tree.",
            named.display()
        );
    }
    choose([named])
}

/// The first of these folders whose KFD headers are new enough.
pub fn choose(folders: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf> {
    let mut too_old = Vec::new();
    for folder in folders.into_iter().filter(|folder| has_kfd(folder)) {
        match missing(&folder) {
            None => return Ok(folder),
            Some(name) => too_old.push(format!(
                "The kernel headers in {} are older than Linux {FIRST}: they have no {name}.",
                folder.display()
            )),
        }
    }
    if too_old.is_empty() {
        bail!(
            "no kernel headers with linux/kfd_sysfs.h found. Run `make provision`, or set \
             KFD_UAPI_HEADERS to the include/uapi folder of a kernel tree."
        );
    }
    bail!(
        "{} Run `make provision`, which fetches newer ones; or install them (Debian 12: sudo apt \
         install -t bookworm-backports linux-libc-dev); or set KFD_UAPI_HEADERS to the include/uapi \
         folder of a kernel tree of {FIRST} or newer.",
        too_old.join(" ")
    )
}

/// The first of [`NEWEST`] that the headers in a folder lack. Only whole words match.
fn missing(headers: &Path) -> Option<&'static str> {
    let texts = KFD_HEADERS.map(|name| fs::read(headers.join("linux").join(name)));
    let texts = texts.map(Result::unwrap_or_default);
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    NEWEST.into_iter().find(|name| {
        let mut words = texts
            .iter()
            .flat_map(|text| text.split(|byte| !of_name(byte)));
        !words.any(|word| word == name.as_bytes())
    })
}

fn has_kfd(headers: &Path) -> bool {
    KFD_HEADERS
        .iter()
        .all(|name| headers.join("linux").join(name).is_file())
}

/// The harness's cache folder, by the same rule as in the Makefile.
fn cache() -> Option<PathBuf> {
    if let Some(named) = set("RDNA1_CACHE") {
        return Some(named.into());
    }
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&set("HOME")?).join(".cache")))?;
    Some(base.join("rdna1-kfd-guard"))
}

/// An environment variable; an empty value counts as unset.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The `include/uapi` folders of installed kernel headers, the newest name first.
fn installed() -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir("/usr/src") else {
        return Vec::new();
    };
    let mut found: Vec<_> = folder
        .filter_map(|entry| Some(entry.ok()?.path().join("include/uapi")))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.reverse();
    found
}
