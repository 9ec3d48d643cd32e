// SPDX-License-Identifier: GPL-2.0

//! Finds the source of an override: the files of logins, shells and units.

mod machine;

use machine::{contains, Machine};

const OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION=10.3.0";

/// Each place on its own: file, text, line, and the programs that it affects.
#[test]
fn each_place() {
    for (file, text, line, reach) in [
        (
            "/etc/environment",
            format!("LANG=C\n{OVERRIDE}\n"),
            2,
            "each login",
        ),
        (
            "/etc/environment",
            "export HSA_OVERRIDE_GFX_VERSION=\"10.3.0\" # why\n".into(),
            1,
            "each login",
        ),
        (
            "/etc/environment.d/90-rocm.conf",
            format!("# x\n\n{OVERRIDE}\n"),
            3,
            "each login",
        ),
        (
            "/usr/lib/environment.d/rocm.conf",
            format!("{OVERRIDE}\n"),
            1,
            "each login",
        ),
        (
            "/root/.config/environment.d/rocm.conf",
            format!("{OVERRIDE}\n"),
            1,
            "each login",
        ),
        (
            "/etc/security/pam_env.conf",
            "HSA_OVERRIDE_GFX_VERSION DEFAULT=10.3.0\n".into(),
            1,
            "each login",
        ),
        (
            "/etc/profile",
            format!("export {OVERRIDE}\n"),
            1,
            "each login",
        ),
        (
            "/etc/profile.d/rocm.sh",
            format!("if true; then\n  export {OVERRIDE}\nfi\n"),
            2,
            "each login",
        ),
        (
            "/etc/profile.d/rocm.csh",
            "setenv HSA_OVERRIDE_GFX_VERSION 10.3.0\n".into(),
            1,
            "each login",
        ),
        (
            "/etc/bash.bashrc",
            format!("export A=1; export {OVERRIDE}\n"),
            1,
            "each login",
        ),
        (
            "/root/.bashrc",
            "HSA_OVERRIDE_GFX_VERSION=10.3.0\nexport HSA_OVERRIDE_GFX_VERSION\n".into(),
            1,
            "each login",
        ),
        (
            "/root/.config/fish/config.fish",
            "set -gx HSA_OVERRIDE_GFX_VERSION 10.3.0\n".into(),
            1,
            "each login",
        ),
        (
            "/etc/systemd/system.conf.d/rocm.conf",
            format!("[Manager]\nDefaultEnvironment=\"{OVERRIDE}\"\n"),
            2,
            "each service",
        ),
        (
            "/etc/systemd/system/ollama.service",
            format!("[Service]\nEnvironment=\"A=1\" \"{OVERRIDE}\"\n"),
            2,
            "the unit ollama.service",
        ),
        (
            "/usr/lib/systemd/system/ollama.service",
            format!("[Service]\nEnvironment={OVERRIDE}\n"),
            2,
            "the unit ollama.service",
        ),
        (
            "/etc/systemd/system/ollama.service.d/override.conf",
            format!("[Service]\nEnvironment={OVERRIDE}\n"),
            2,
            "the unit ollama.service",
        ),
        (
            "/run/systemd/system/a-b.service.d/x.conf",
            format!("[Service]\nEnvironment=\\\n  {OVERRIDE}\n"),
            2,
            "the unit a-b.service",
        ),
        (
            "/etc/systemd/user/ollama.service",
            format!("[Service]\nEnvironment={OVERRIDE}\n"),
            2,
            "the user's unit ollama.service",
        ),
        (
            "/root/.config/systemd/user/llama.service.d/rocm.conf",
            format!("[Service]\nEnvironment={OVERRIDE}\n"),
            2,
            "the user's unit llama.service",
        ),
        (
            "/etc/containers/systemd/ollama.container",
            format!("[Container]\nEnvironment={OVERRIDE}\n"),
            2,
            "the unit ollama.container",
        ),
    ] {
        let machine = Machine::of_alice();
        machine.put(file, text);
        let found = machine.findings_but_package();
        let [(id, state, said)] = found.as_slice() else {
            panic!("{file}: {found:#?}");
        };
        assert_eq!(
            (id.as_str(), state.as_str()),
            ("set-in-file", "note"),
            "{file}"
        );
        contains(
            said,
            &[
                &format!("{file}:{line}"),
                reach,
                OVERRIDE,
                "for a gfx1030",
                "remove HSA_OVERRIDE_GFX_VERSION from",
            ],
        );
    }
}

/// Reports the other variables that matter, and no more.
#[test]
fn other_variables() {
    for (variable, is_repeated) in [
        ("HSA_OVERRIDE_GFX_VERSION=10.1.0", true),
        ("HSA_OVERRIDE_GFX_VERSION=gfx1030", true),
        ("HSA_OVERRIDE_GFX_VERSION_1=10.3.0", true),
        ("HSA_FORCE_FINE_GRAIN_PCIE=1", true),
        ("MIOPEN_FIND_ENFORCE=3", true),
        ("HIP_VISIBLE_DEVICES=1", true),
        ("ROCR_VISIBLE_DEVICES=GPU-XX", true),
        ("HSA_OVERRIDE_GFX_VERSION_2=10.3.0", false),
        ("HSA_FORCE_FINE_GRAIN_PCIE=0", false),
        ("LD_PRELOAD=/usr/lib/libjemalloc.so", false),
        ("HIP_VISIBLE_DEVICES=0", false),
        ("HIP_VISIBLE_DEVICES=-1", false),
        ("LANG=C", false),
    ] {
        let machine = Machine::of_alice();
        machine.put("/etc/environment", format!("{variable}\n"));
        let found = machine.findings_but_package();
        let told: Vec<_> = found.iter().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(
            told,
            if is_repeated {
                vec!["set-in-file"]
            } else {
                vec![]
            },
            "{variable}: {found:#?}"
        );
    }
}

/// Lines that a unit unsets, and lines without effect.
#[test]
fn what_takes_it_back() {
    let unit = "/etc/systemd/system/ollama.service";
    let drop_in = "/etc/systemd/system/ollama.service.d/z.conf";
    for files in [
        &[(unit, format!("Environment={OVERRIDE}\nEnvironment=\n"))][..],
        &[
            (unit, format!("Environment={OVERRIDE}\n")),
            (drop_in, "Environment=\nEnvironment=A=1\n".into()),
        ],
        &[
            (unit, format!("Environment={OVERRIDE}\n")),
            (
                drop_in,
                "UnsetEnvironment=HSA_OVERRIDE_GFX_VERSION\n".into(),
            ),
        ],
        &[
            (
                "/usr/lib/systemd/system/ollama.service",
                format!("Environment={OVERRIDE}\n"),
            ),
            (unit, "Environment=A=1\n".into()),
        ],
        &[(unit, format!("# Environment={OVERRIDE}\n"))],
        &[(
            "/etc/systemd/system/ollama.service.d/notes.txt",
            format!("Environment={OVERRIDE}\n"),
        )],
        &[("/etc/profile.d/rocm.sh.bak", format!("export {OVERRIDE}\n"))],
        &[("/etc/profile", format!("{OVERRIDE} python3 train.py\n"))],
        &[("/etc/environment", format!("#{OVERRIDE}\n"))],
        &[("/home/bob/.bashrc", format!("export {OVERRIDE}\n"))],
    ] {
        let machine = Machine::of_alice();
        for (file, text) in files {
            machine.put(file, text);
        }
        assert_eq!(machine.findings_but_package(), [], "{files:?}");
    }
    // A masked unit starts nothing.
    let machine = Machine::of_alice();
    machine.put(
        "/usr/lib/systemd/system/ollama.service",
        format!("Environment={OVERRIDE}\n"),
    );
    machine.link(unit, "/dev/null");
    assert_eq!(machine.findings_but_package(), []);
    // The last line wins.
    machine.remove(unit);
    machine.put(drop_in, "Environment=HSA_OVERRIDE_GFX_VERSION=10.1.0\n");
    let [(_, _, said)] = machine.findings_but_package().try_into().unwrap();
    contains(
        &said,
        &["which the card has anyway", &format!("{drop_in}:1")],
    );
}

/// A service does not read the files of a login, and a template configures its instances.
#[test]
fn what_a_service_reads() {
    let template = "/etc/systemd/system/comfy@.service";
    for (group, file, is_its_own) in [
        ("/system.slice/comfy@alice.service", template, true),
        ("/system.slice/ollama.service", "/etc/environment", false),
        ("/system.slice/docker-0123.scope", "/etc/environment", false),
        (
            "/user.slice/user-1000.slice/session-2.scope",
            "/etc/environment",
            true,
        ),
    ] {
        let machine = Machine::of_alice();
        let line = match file == template {
            true => format!("[Service]\nEnvironment={OVERRIDE}\n"),
            false => format!("{OVERRIDE}\n"),
        };
        machine.put(file, line);
        machine.add_program(4242, &format!("{OVERRIDE}\0"));
        machine.put("/proc/4242/cgroup", format!("0::{group}\n"));
        let found = machine.findings_but_package();
        let of_program = found
            .iter()
            .find(|(_, _, said)| said.contains("process 4242"));
        let (_, _, said) = of_program.unwrap();
        assert_eq!(said.contains(file), is_its_own, "{group}: {said}");
    }
}

#[test]
fn a_file_that_a_unit_names() {
    let machine = Machine::of_alice();
    machine.put(
        "/etc/systemd/system/ollama.service",
        "[Service]\nEnvironmentFile=-/etc/default/ollama\nEnvironmentFile=/no/such/file\n",
    );
    machine.put("/etc/default/ollama", format!("A=1\n{OVERRIDE}\n"));
    let [(_, _, said)] = machine.findings_but_package().try_into().unwrap();
    contains(
        &said,
        &[
            "/etc/default/ollama:2",
            "the unit ollama.service",
            "systemctl restart ollama.service",
        ],
    );
}

/// Reads the home of the user who called sudo.
#[test]
fn the_home_of_the_caller() {
    let machine = Machine::of_alice();
    machine.put("/proc/self/environ", "SUDO_USER=alice\0SUDO_UID=1000\0");
    machine.put("/home/alice/.bashrc", format!("export {OVERRIDE}\n"));
    let found = machine.findings();
    let said = found.iter().find(|(id, ..)| id == "set-in-file");
    contains(&said.unwrap().2, &["/home/alice/.bashrc:1"]);
    // A report contains no user name and no home folder.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.tar.gz");
    machine.says(&["report", file.to_str().unwrap()], 0);
    let packed = std::fs::File::open(&file).unwrap();
    let mut text = String::new();
    let mut reader = flate2::read::GzDecoder::new(packed);
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert!(!text.contains("alice"), "{text}");
    contains(&text, &["left-out/.bashrc:1"]);
}

/// rdna1ctl does not follow a link from a home to a kernel file: reading one may block forever.
#[test]
fn links_and_pipes() {
    let machine = Machine::of_alice();
    machine.link("/root/.bashrc", "/proc/self/environ");
    machine.link("/root/.cshrc", "/dev/zero");
    machine.put("/sys/x", format!("export {OVERRIDE}\n"));
    machine.link("/root/.zshrc", "../sys/x");
    machine.link("/root/.profile", ".profile");
    machine.link("/root/.config/environment.d/a.conf", "a.conf");
    machine.link("/etc/profile.d/x.sh", "/proc/kmsg");
    std::fs::create_dir_all(machine.path("/root/.zshenv")).unwrap();
    machine.put(
        "/root/.bash_login",
        b"\xff\xfeexport HSA_OVERRIDE_GFX_VERSION=\xff\n",
    );
    nix::unistd::mkfifo(
        &machine.path("/etc/environment"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    machine.put("/etc/profile", vec![b'x'; 80 << 20]);
    let mut command = assert_cmd::Command::from_std(machine.command(&["doctor"]));
    let ran = command
        .timeout(std::time::Duration::from_secs(30))
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        !said.contains("set-in-file") && !said.contains("files-stuck"),
        "{said}"
    );
}
