// SPDX-License-Identifier: GPL-2.0

//! A module in Rust that says hello in the kernel log.

use kernel::prelude::*;

module! {
    type: Hello,
    name: "hello_rust",
    authors: ["the authors of modproof"],
    description: "Says hello, for tests of modproof",
    license: "GPL",
}

struct Hello;

impl kernel::Module for Hello {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("saying hello\n");
        Ok(Hello)
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        pr_info!("gone\n");
    }
}
