// SPDX-License-Identifier: GPL-2.0

//! A reader that AppArmor confines.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::ctx::Skip;
use crate::mounts::SECURITY;

/// The profile of `assets/confined.profile`.
pub const CONFINED: &str = "rdna1-confined";
const CONFINED_POLICY: &[u8] = include_bytes!("../assets/confined.bin");

/// Loads the profile, or says that this kernel has no AppArmor.
pub fn load() -> Result<()> {
    let folder = Path::new(SECURITY).join("apparmor");
    if !folder.exists() {
        return Err(Skip("the kernel has no AppArmor".to_owned()).into());
    }
    let load = folder.join(".replace");
    fs::write(&load, CONFINED_POLICY).with_context(|| format!("load {CONFINED}"))
}

/// Puts this process under a profile.
pub fn enter(profile: &str) -> Result<()> {
    let current = "/proc/self/attr/apparmor/current";
    fs::write(current, format!("changeprofile {profile}"))
        .with_context(|| format!("enter {profile}"))
}
