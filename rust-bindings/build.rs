// SPDX-License-Identifier: GPL-2.0

//! Generates the Rust bindings from a kernel tree's headers, and compiles layout.c for the test
//! that compares both.

use std::{
    env,
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

use anyhow::{
    Context,
    Result, //
};

mod headers;

use headers::KFD_HEADERS;

const HEADER: &str = "kfd_uapi.h";
const ARGUMENTS: &str = "kfd_uapi.bindgen";

fn main() -> Result<()> {
    for input in [HEADER, ARGUMENTS, "layout.c", "build.rs", "headers.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let headers = headers::find()?;
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

/// Copies KFD's two headers into a folder of their own.
///
/// The other headers in a tree's `include/uapi` do not compile in user space before
/// `headers_install`. The C library's headers replace those that KFD's two include, except
/// `drm/drm.h`: a stub replaces it, as KFD needs only its integer types.
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
