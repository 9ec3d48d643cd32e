// SPDX-License-Identifier: GPL-2.0

//! The running kernel.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::root::Root;

/// The running kernel.
pub struct Kernel {
    /// Its release, as `uname -r` prints it.
    pub release: String,
    /// The words of its command line.
    pub command_line: Vec<String>,
    /// The file with its build options, and the options; `None` if no file has them.
    pub config: Option<(String, BTreeMap<String, String>)>,
    /// Whether there is a list of its modules (`modules.dep`).
    pub has_modules: bool,
    /// Its build folder, against which modules are built, if it exists.
    pub headers: Option<String>,
    /// Whether a package has installed its Rust metadata, which modules in Rust are built with.
    pub has_metadata: bool,
    /// Its lockdown: none, integrity or confidentiality; `None` if the kernel does not say.
    pub lockdown: Option<String>,
}

impl Kernel {
    /// Reads its facts.
    pub fn read(root: &Root) -> Self {
        let release = root
            .text("/proc/sys/kernel/osrelease")
            .unwrap_or_else(|| "?".to_owned());
        let command_line = root.text("/proc/cmdline").unwrap_or_default();
        let build = format!("/lib/modules/{release}/build");
        Self {
            command_line: command_line.split_whitespace().map(str::to_owned).collect(),
            config: config(root, &release),
            has_modules: root.has(format!("/lib/modules/{release}/modules.dep")),
            has_metadata: [format!("{build}/rust"), ubuntu_metadata(&release)]
                .iter()
                .any(|folder| {
                    root.names(folder)
                        .iter()
                        .any(|name| name.ends_with(".rmeta"))
                }),
            headers: root.has(format!("{build}/Makefile")).then_some(build),
            lockdown: root.text("/sys/kernel/security/lockdown").and_then(chosen),
            release,
        }
    }

    /// The first two numbers of its version.
    pub fn version(&self) -> Option<(u32, u32)> {
        version_of(&self.release)
    }

    /// Whether a build option is on; `None` if its configuration is unknown.
    pub fn has(&self, option: &str) -> Option<bool> {
        let (_, options) = self.config.as_ref()?;
        Some(matches!(
            options.get(option).map(String::as_str),
            Some("y" | "m")
        ))
    }

    /// The value of a parameter on the command line. The last occurrence counts.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.command_line.iter().rev().find_map(|word| {
            let (key, value) = word.split_once('=')?;
            (key == name).then_some(value)
        })
    }
}

/// The folder of Rust metadata in Ubuntu's package `linux-lib-rust-RELEASE`.
fn ubuntu_metadata(release: &str) -> String {
    format!("/usr/src/linux-lib-rust-{release}/rust")
}

/// The first two numbers of a version such as `6.19` or `7.3.4+deb13-amd64`.
pub fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The word in brackets of `none [integrity] confidentiality`.
fn chosen(text: String) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    let (word, _) = rest.split_once(']')?;
    Some(word.to_owned())
}

fn config(root: &Root, release: &str) -> Option<(String, BTreeMap<String, String>)> {
    let places = [
        format!("/boot/config-{release}"),
        format!("/lib/modules/{release}/config"),
        format!("/lib/modules/{release}/build/.config"),
        format!("/lib/modules/{release}/build/include/config/auto.conf"),
    ];
    let plain = |path: &String| Some((path.clone(), root.text(path)?));
    let (path, text) = places.iter().find_map(plain).or_else(|| {
        let path = "/proc/config.gz".to_owned();
        let packed = root.bytes(&path).ok()?;
        let mut text = String::new();
        // This limit is far larger than any configuration.
        let mut reader = flate2::read::GzDecoder::new(packed.as_slice()).take(8 << 20);
        reader.read_to_string(&mut text).ok()?;
        Some((path, text))
    })?;
    let options = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.strip_prefix("CONFIG_")?.to_owned(), value.to_owned()))
    });
    Some((path, options.collect()))
}
