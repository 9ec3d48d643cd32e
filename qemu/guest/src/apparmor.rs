// SPDX-License-Identifier: GPL-2.0

//! Confines a process by AppArmor.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use modproof_wait::mounts::SECURITY;

use crate::skip::Skip;

/// Loads a compiled policy (`apparmor_parser -Q -o FILE PROFILE`). Skips on a kernel
/// without AppArmor.
pub fn load(policy: &[u8]) -> Result<()> {
    let folder = Path::new(SECURITY).join("apparmor");
    if !folder.exists() {
        return Err(Skip("the kernel has no AppArmor".to_owned()).into());
    }
    let load = folder.join(".replace");
    fs::write(&load, policy).with_context(|| format!("load a policy by {}", load.display()))
}

/// Puts this process under a profile.
pub fn enter(profile: &str) -> Result<()> {
    let current = "/proc/self/attr/apparmor/current";
    fs::write(current, format!("changeprofile {profile}"))
        .with_context(|| format!("enter {profile}"))
}
