// SPDX-License-Identifier: GPL-2.0

//! Makes the bindings from a kernel tree's headers, and compiles the layout check.

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
    Context,
    Result, //
};

const HEADER: &str = "kfd_uapi.h";
const KFD_HEADERS: [&str; 2] = ["kfd_sysfs.h", "kfd_ioctl.h"];
const ARGUMENTS: &str = "kfd_uapi.bindgen";

fn main() -> Result<()> {
    for input in [HEADER, ARGUMENTS, "layout.c", "build.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let headers = headers()?;
    println!("cargo:rustc-env=KFD_UAPI_HEADERS={}", headers.display());

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let kfd = isolate(&headers, &out)?;
    println!("cargo:include={}", kfd.display());
    generate(&kfd, &out)?;
    cc::Build::new()
        .file("layout.c")
        .include(&kfd)
        .try_compile("kfd_layout")
        .context("layout.c does not compile: is a C compiler installed?")?;
    Ok(())
}

/// The folder that has `linux/kfd_sysfs.h`: that of `KFD_UAPI_HEADERS`; else of the kernel that the
/// harness has provisioned; else of an installed kernel's headers.
fn headers() -> Result<PathBuf> {
    println!("cargo:rerun-if-env-changed=KFD_UAPI_HEADERS");
    println!("cargo:rerun-if-env-changed=RDNA1_CACHE");
    if let Some(named) = set("KFD_UAPI_HEADERS") {
        let named = PathBuf::from(named);
        if !has_kfd(&named) {
            bail!(
                "KFD_UAPI_HEADERS is {}, but there is no linux/kfd_sysfs.h in it. \
                 Name the include/uapi folder of a kernel tree.",
                named.display()
            );
        }
        return Ok(named);
    }
    let provisioned = cache().map(|cache| cache.join("uapi"));
    if let Some(found) = provisioned
        .into_iter()
        .chain(installed())
        .find(|p| has_kfd(p))
    {
        return Ok(found);
    }
    let fallback = PathBuf::from("/usr/include");
    if has_kfd(&fallback) {
        println!(
            "cargo:warning=KFD's constants come from {} (linux-libc-dev), which can be older than \
             any kernel here; `make provision` brings a kernel tree's",
            fallback.display()
        );
        return Ok(fallback);
    }
    bail!(
        "no kernel headers with linux/kfd_sysfs.h found. Run `make provision`, or set \
         KFD_UAPI_HEADERS to the include/uapi folder of a kernel tree."
    )
}

fn has_kfd(headers: &Path) -> bool {
    KFD_HEADERS
        .iter()
        .all(|name| headers.join("linux").join(name).is_file())
}

/// The harness's cache folder; the same rule as in its `cache.rs`.
fn cache() -> Option<PathBuf> {
    if let Some(named) = set("RDNA1_CACHE") {
        return Some(named.into());
    }
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&set("HOME")?).join(".cache")))?;
    Some(base.join("rdna1-kfd-guard"))
}

/// A variable of the environment; an empty one is as good as none.
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

/// Copies KFD's two headers into a folder of their own.
///
/// The rest of a tree's `include/uapi` is not fit for user space before `headers_install`. What
/// these two include, the C library's own headers have, but for `drm/drm.h`, of which they need
/// only the integer types.
fn isolate(headers: &Path, out: &Path) -> Result<PathBuf> {
    let include = out.join("include");
    let linux = include.join("linux");
    fs::create_dir_all(&linux).with_context(|| format!("cannot make {}", linux.display()))?;
    let drm = include.join("drm");
    fs::create_dir_all(&drm).with_context(|| format!("cannot make {}", drm.display()))?;
    fs::write(drm.join("drm.h"), "#include <linux/types.h>\n")?;
    for name in KFD_HEADERS {
        let from = headers.join("linux").join(name);
        fs::copy(&from, linux.join(name))
            .with_context(|| format!("cannot copy {}", from.display()))?;
        println!("cargo:rerun-if-changed={}", from.display());
    }
    Ok(include)
}

fn generate(include: &Path, out: &Path) -> Result<()> {
    let arguments = fs::read_to_string(ARGUMENTS)?;
    let words = arguments
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.splitn(2, ' '));
    let command_line = ["bindgen", HEADER].into_iter().chain(words).chain([
        "--",
        "-I",
        include
            .to_str()
            .context("the build folder's name is not UTF-8")?,
        "-fno-builtin",
    ]);
    let (builder, _, _) = bindgen::builder_from_flags(command_line.map(str::to_owned))?;
    let bindings = builder
        .generate()
        .context("bindgen failed: is libclang installed (Debian: libclang-dev)?")?;
    let text = bindings.to_string().replace("KFD_CONST_", "");
    fs::write(out.join("kfd_uapi.rs"), text)?;
    Ok(())
}
