// SPDX-License-Identifier: GPL-2.0

//! Makes build roots: Debian releases with the kernel's compilers. Also makes the roots in which
//! packages are built and tested.

use anyhow::{Context, Result};

use super::mirror;
use super::Provision;
use crate::cache::{Built, Owner, Stage, Work};
use crate::kernels::Trouble;
use crate::run;

/// Makes the kernel's build root.
pub fn ensure(provision: &Provision) -> Result<Built> {
    let packages = provision
        .kernels
        .packages_of(provision.kernels.root_of(provision.kernel)?);
    let root = provision.kernels.root_of(provision.kernel)?;
    make(
        provision,
        (&root.name, &root.release),
        ("root", "build root (mmdebstrap)"),
        &packages.join(","),
        &LEAN,
    )
}

/// Makes a root for tests of packages: with these packages, or with only apt. Keeps all files of
/// the packages, as a user's system has them.
pub fn ensure_other(
    provision: &Provision,
    name: &str,
    about: &str,
    packages: &[String],
) -> Result<Built> {
    let root = provision.kernels.root_of(provision.kernel)?;
    let of = (root.name.as_str(), root.release.as_str());
    make(provision, of, (name, about), &packages.join(","), &[])
}

/// Makes a root of another release, with only apt.
pub fn ensure_release(provision: &Provision, release: &str, name: &str) -> Result<Built> {
    let about = "root with nothing but apt";
    make(provision, (release, release), (name, about), "", &[])
}

/// Makes a root of that name and release.
fn make(
    provision: &Provision,
    (owner, release): (&str, &str),
    (name, about): (&str, &str),
    packages: &str,
    options: &[&str],
) -> Result<Built> {
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Root(owner),
        name,
        about,
        inputs: vec![
            ("layout", "1".to_owned()),
            ("release", release.to_owned()),
            ("packages", packages.to_owned()),
        ],
    };
    stage.ensure(provision.ui, provision.privilege, |work| {
        let mirror = mirror::of_apt("/etc/apt".as_ref());
        bootstrap(
            provision,
            work,
            release,
            packages,
            mirror.as_deref(),
            options,
        )?;
        Ok(format!("Debian {release} made"))
    })
}

/// Leaves out documentation, which nobody reads in a build root.
const LEAN: [&str; 3] = [
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
];

fn bootstrap(
    provision: &Provision,
    work: &Work,
    release: &str,
    packages: &str,
    mirror: Option<&str>,
    options: &[&str],
) -> Result<()> {
    let mut command = provision.privilege.contained(&work.busy)?;
    command.args([
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--format=directory",
        "--aptopt=Acquire::Languages \"none\"",
        "--dpkgopt=force-unsafe-io",
    ]);
    command.args(options);
    if !packages.is_empty() {
        command.arg(format!("--include={packages}"));
    }
    if provision.allow_expired {
        command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    for option in host_proxies() {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(release).arg(&work.tree);
    command.args(mirror);
    match mirror {
        Some(mirror) => work.log.line(&format!("mirror of the host: {mirror}")),
        None => work
            .log
            .line("no Debian mirror in the host's apt configuration: mmdebstrap's default"),
    }
    run::logged(&mut command, &work.log, Some(work.activity))
        .or_else(|error| explain(&work.log.text(), error))
}

/// Replaces known errors of apt by plain text with a remedy.
pub fn explain(log: &str, error: anyhow::Error) -> Result<()> {
    if log.contains("is expired (invalid since") || log.contains("Release file is expired") {
        let more = anyhow::anyhow!(
            "its list of packages is older than Debian vouches for.\n\
             Try another mirror; or, if you trust this one, use --allow-expired-release.\n\
             {error:#}"
        );
        return Err(more.context(Trouble::Expired));
    }
    if log.contains("Temporary failure resolving") || log.contains("Could not connect to") {
        return Err(error).context("the mirror could not be reached; is there a network?");
    }
    Err(error)
}

/// The proxies in the host's apt configuration.
fn host_proxies() -> Vec<String> {
    let dump = run::output(std::process::Command::new("apt-config").arg("dump"));
    dump.unwrap_or_default()
        .lines()
        .filter(|l| {
            let l = l.to_ascii_lowercase();
            l.starts_with("acquire::http::proxy ") || l.starts_with("acquire::https::proxy ")
        })
        .map(|l| l.trim_end_matches(';').to_owned())
        .filter(|l| !l.ends_with("\"\""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::kernels::Trouble;

    fn explained(log: &str) -> String {
        let error = explain(log, anyhow::anyhow!("exit status: 100")).expect_err("still an error");
        format!("{error:#}")
    }

    #[test]
    fn an_expired_release_is_told_with_the_remedy() {
        let log = "E: Release file for http://mirror.example/debian/dists/trixie/InRelease is \
                   expired (invalid since 69d 20h 17min 50s). Updates for this repository will \
                   not be applied.\n";
        let error = explain(log, anyhow::anyhow!("exit status: 100")).expect_err("still an error");
        assert_eq!(error.downcast_ref(), Some(&Trouble::Expired));
        assert!(explained(log).contains("--allow-expired-release"));
    }

    #[test]
    fn another_failure_is_passed_on() {
        assert_eq!(
            explained("E: Unable to locate package x"),
            "exit status: 100"
        );
    }
}
