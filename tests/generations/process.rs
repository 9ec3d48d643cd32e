// SPDX-License-Identifier: GPL-2.0

//! Checks on a few machines that the command `classify` prints the same as its code in the library.

use std::{
    fs,
    process::Command, //
};

use super::{
    copy::Copy,
    machine::{
        Machine,
        Source,
        Stop, //
    },
    page::Page,
    pci::file_of,
    scene::Scene,
    world::World, //
};

pub fn check(machine: &Machine) -> Result<(), String> {
    let machine = Machine {
        stop: Stop::Rest,
        ..machine.clone()
    };
    let world = World::of(&machine);
    let source = match world.source(&machine) {
        Source::Core => Source::Nowhere,
        source => source,
    };
    if world.has_denied() || machine.host.without_kfd {
        // A copy cannot represent denied files or a missing KFD.
        return Ok(());
    }
    let scene = Scene::of(&machine, world.clone(), source);
    let expected = Page::of(&scene, &world, source)?;
    let (status, page) = classify(&scene, &world, source).map_err(|error| error.to_string())?;
    let rest = page.strip_prefix(&expected.0);
    let says_the_same = rest.is_some_and(|rest| rest.lines().all(|line| line.starts_with("# ")));
    let has_unknown = expected.0.contains("verdict=unknown");
    if !says_the_same || ![0, 3].contains(&status) || (status == 3 && !has_unknown) {
        return Err(format!("status {status}\n{page}\nnot\n{}", expected.0));
    }
    Ok(())
}

fn classify(
    scene: &Scene,
    world: &World,
    source: Source,
) -> Result<(i32, String), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    Copy::of(&mut scene.topology()).write(folder.path())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_classify"));
    if let Source::File(contents) = source {
        let file = folder.path().join("pci");
        fs::write(&file, file_of(world, contents))?;
        command.arg("--pci").arg(file);
    }
    let output = command.arg(folder.path()).output()?;
    let said = String::from_utf8(output.stderr)?;
    let counts = |line: &str| line.starts_with("classify: errors_");
    if !said.lines().all(counts) {
        return Err(said.into());
    }
    let status = output.status.code().ok_or("classify was killed")?;
    Ok((status, String::from_utf8(output.stdout)?))
}
