//! Which accelerator runs guests here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;

/// An accelerator that was tried.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Accelerator {
    /// Whether KVM runs a guest.
    pub kvm: bool,
    /// How that is known.
    pub reason: String,
    boot_id: String,
    qemu: String,
}

impl Accelerator {
    /// What was found out since the host was booted.
    pub fn remembered(_cache: &Cache) -> Option<Self> {
        None
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)
    }
}
