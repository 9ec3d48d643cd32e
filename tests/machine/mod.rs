// SPDX-License-Identifier: GPL-2.0

//! A fake machine for tests of scripts: a kernel's build folder, stub tools, and os-release.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{
        Path,
        PathBuf, //
    },
    process::Command, //
};

use tempfile::TempDir;

const CONFIG: &str = "\
CONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-14 (Fake 14.2.0) 14.2.0\"
CONFIG_CC_IS_GCC=y
CONFIG_CLANG_VERSION=0
CONFIG_RUST=y
CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (fake)\"
CONFIG_DEBUG_FS=y
CONFIG_DEBUG_INFO_BTF_MODULES=y
";

const FILES: [(&str, &str); 8] = [
    ("Makefile", ""),
    ("Module.symvers", ""),
    ("include/config/auto.conf", CONFIG),
    ("include/config/kernel.release", "7.2.12-fake\n"),
    ("rust/libkernel.rmeta", ""),
    ("rust/libmacros.so", ""),
    ("scripts/module.lds", ""),
    ("vmlinux", ""),
];

/// The real programs that the scripts themselves use.
const REAL_TOOLS: [&str; 6] = ["cat", "head", "readlink", "sed", "tr", "uname"];

/// The result of preflight.
pub struct Found {
    /// Whether its exit status was 0.
    pub success: bool,
    /// Its stdout and stderr.
    pub text: String,
}

impl Found {
    /// The names of the missing things in its list.
    pub fn names(&self) -> Vec<String> {
        let items = self.text.lines().filter_map(|line| line.strip_prefix("- "));
        items
            .filter_map(|item| Some(item.split_once(": ")?.0.to_owned()))
            .collect()
    }

    /// The remedy below an item of the list.
    pub fn next(&self, name: &str) -> &str {
        let item = format!("- {name}: ");
        self.text
            .lines()
            .skip_while(|line| !line.starts_with(&item))
            .nth(1)
            .and_then(|line| line.trim().strip_prefix("next: "))
            .unwrap_or_default()
    }
}

/// The machine, in a temporary folder that is deleted on drop.
pub struct Machine {
    dir: TempDir,
}

impl Machine {
    /// A machine on which nothing is missing.
    pub fn complete() -> Self {
        let machine = Self {
            dir: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(machine.tools()).expect("a folder");
        for (name, text) in FILES {
            machine.file(name, text);
        }
        for name in REAL_TOOLS {
            let real = ["/usr/bin", "/bin"].map(|d| Path::new(d).join(name));
            let real = real
                .iter()
                .find(|p| p.exists())
                .expect("one of coreutils, or sed");
            symlink(real, machine.tools().join(name)).expect("a link");
        }
        machine.tool("rustc", "echo 'rustc 1.85.1 (fake)'");
        for name in ["bindgen", "x86_64-linux-gnu-gcc-14", "ld", "make", "pahole"] {
            machine.tool(name, "");
        }
        machine.os_release("ID=debian\nVERSION_CODENAME=trixie");
        machine
    }

    /// The kernel's build folder.
    pub fn kernel(&self) -> PathBuf {
        self.dir.path().join("kernel")
    }

    fn tools(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Writes a file of the build folder.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.kernel().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Removes a file of the build folder.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.kernel().join(name)).expect("a file to remove");
    }

    /// Replaces `rust` of the build folder by a link, as in Ubuntu's headers.
    pub fn link_metadata(&self, to: &str) {
        let rust = self.kernel().join("rust");
        fs::remove_dir_all(&rust).expect("a folder to remove");
        symlink(to, rust).expect("a link");
    }

    /// Installs a file of Ubuntu's package with a kernel's Rust metadata.
    pub fn ubuntu_metadata(&self, release: &str, name: &str) {
        let folder = self
            .dir
            .path()
            .join(format!("src/linux-lib-rust-{release}/rust"));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(name), "").expect("a file");
    }

    /// Sets the rustc that made the Rust metadata, in rustc's own file format.
    pub fn made_by(&self, rustc: &str) {
        let length = char::from(u8::try_from(rustc.len()).expect("a short text"));
        self.file(
            "rust/libcore.rmeta",
            &format!("rust\0\0\0\t\u{3}\0{length}{rustc}\u{1}\0\u{c}abort_unwind"),
        );
    }

    /// Replaces the path of this machine's folder in a text by `~`.
    pub fn without_place(&self, text: &str) -> String {
        text.replace(self.dir.path().to_str().expect("UTF-8"), "~")
    }

    /// Sets the kernel's release.
    pub fn release(&self, release: &str) {
        self.file("include/config/kernel.release", &format!("{release}\n"));
    }

    /// Adds lines to the configuration.
    pub fn set(&self, lines: &str) {
        let path = self.kernel().join("include/config/auto.conf");
        let text = fs::read_to_string(&path).expect("the configuration");
        fs::write(path, format!("{text}{lines}\n")).expect("the configuration");
    }

    /// Removes an option from the configuration.
    pub fn unset(&self, option: &str) {
        let path = self.kernel().join("include/config/auto.conf");
        let text = fs::read_to_string(&path).expect("the configuration");
        let setting = format!("{option}=");
        let kept = text.lines().filter(|line| !line.starts_with(&setting));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        assert_ne!(kept, text, "{option} was not set");
        fs::write(path, kept).expect("the configuration");
    }

    /// Writes a stub tool, a shell script.
    pub fn tool(&self, name: &str, script: &str) {
        crate::tool::write(&self.tools().join(name), script);
    }

    /// Removes a tool.
    pub fn no_tool(&self, name: &str) {
        fs::remove_file(self.tools().join(name)).expect("a tool to remove");
    }

    /// Writes the os-release file.
    pub fn os_release(&self, text: &str) {
        fs::write(self.dir.path().join("os-release"), format!("{text}\n")).expect("a file");
    }

    /// Runs preflight for this machine's kernel.
    pub fn preflight(&self) -> Found {
        self.preflight_of(&self.kernel())
    }

    /// Runs preflight for another folder, relative to this machine's kernel.
    pub fn preflight_of(&self, folder: &Path) -> Found {
        let (success, text) = self.run("preflight.sh", folder);
        Found { success, text }
    }

    /// The words that `toolchain.sh` gives to the Makefile.
    pub fn toolchain(&self) -> String {
        self.run("toolchain.sh", &self.kernel()).1.trim().to_owned()
    }

    fn run(&self, script: &str, folder: &Path) -> (bool, String) {
        let output = Command::new("/bin/sh")
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("scripts")
                    .join(script),
            )
            .arg(folder)
            .env_clear()
            .env("PATH", self.tools())
            .env("OS_RELEASE", self.dir.path().join("os-release"))
            .env("USR_SRC", self.dir.path().join("src"))
            .current_dir(self.kernel())
            .output()
            .expect("a shell");
        let both = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&both).into_owned(),
        )
    }
}
