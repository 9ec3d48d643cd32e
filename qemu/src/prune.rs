//! `harness prune`: what the cache holds, and what of it nobody names any more.

use std::path::Path;

use anyhow::Result;

use crate::run;
use crate::Context;

/// Says what there is; removes the unnamed only when told so.
pub fn run(context: &Context, yes: bool) -> Result<()> {
    let cache = &context.cache;
    println!("cache: {}", cache.root().display());
    let mut unnamed = Vec::new();
    for kernel in cache.kernels() {
        let folder = cache.kernel(&kernel);
        let named = context.kernels.names().any(|n| n == kernel);
        let remark = if named { "" } else { "  not in kernels.toml" };
        println!("{:>7}  kernels/{kernel}{remark}", size(&folder));
        if !named {
            unnamed.push(kernel);
        }
    }
    for other in ["cargo-target", "metadata", "runs"] {
        let folder = cache.root().join(other);
        if folder.exists() {
            println!("{:>7}  {other}", size(&folder));
        }
    }
    if unnamed.is_empty() {
        println!("nothing to prune");
    } else if yes {
        context.privilege.obtain()?;
        for kernel in unnamed {
            context.privilege.remove_tree(&cache.kernel(&kernel))?;
            println!("removed kernels/{kernel}");
        }
    } else {
        println!("`harness prune --yes` removes what kernels.toml does not name");
    }
    Ok(())
}

fn size(path: &Path) -> String {
    let counted = run::output(std::process::Command::new("du").arg("-sh").arg(path));
    let text = counted.unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
