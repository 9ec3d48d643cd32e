// SPDX-License-Identifier: GPL-2.0

//! The command `check`: whether libraries in a folder suit the card, before a program starts.

mod forms;
#[path = "../machine/mod.rs"]
mod machine;

use machine::code;
use machine::Machine;
use serde_json::Value;

const PACKAGES: &str = "/home/ann/venv/lib/python3.12/site-packages";

/// Asserts the exit status; returns the document's only place.
fn place(machine: &Machine, path: &str, status: i32) -> Value {
    let page = machine.says(&["check", "--json", path], status);
    let document: Value = serde_json::from_str(&page).unwrap();
    let places = document["places"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{page}");
    places[0].clone()
}

fn answer(machine: &Machine, path: &str, status: i32) -> String {
    place(machine, path, status)["answer"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn python_environments() {
    let machine = Machine::bare();
    machine.put("/home/ann/venv/pyvenv.cfg", "home = /usr/bin\n");
    machine.link("/home/ann/venv/lib64", "lib");
    machine.add_torch(PACKAGES, "2.6.0+rocm6.2.4", &["gfx900", "gfx1030"]);
    insta::assert_snapshot!("wheel", machine.says(&["check", "/home/ann/venv"], 1));
    let found = place(&machine, "/home/ann/venv", 1);
    assert_eq!(found["answer"], "override-only");
    assert_eq!(found["version"], "6.2.4");
    let machine = Machine::bare();
    machine.add_torch(PACKAGES, "2.6.0+rocm6.2.4", &["gfx900", "gfx1100"]);
    assert_eq!(answer(&machine, "/home/ann/venv", 1), "no-code");
    let machine = Machine::bare();
    machine.add_torch(PACKAGES, "2.9.0+rocm7.1", &["gfx1010", "gfx1100"]);
    insta::assert_snapshot!("fit", machine.says(&["check", "/home/ann/venv"], 0));
    // The package folder, and its library.
    assert_eq!(answer(&machine, &format!("{PACKAGES}/torch"), 0), "native");
    assert_eq!(
        answer(
            &machine,
            &format!("{PACKAGES}/torch/lib/libtorch_hip.so"),
            0
        ),
        "native"
    );
}

/// uv and other tools link a package's files to their cache.
#[test]
fn an_environment_of_links() {
    let machine = Machine::bare();
    machine.put(
        "/cache/a1/libtorch_hip.so",
        code::fat(&[&code::listed(&["gfx1030"])]),
    );
    machine.link(
        &format!("{PACKAGES}/torch/lib/libtorch_hip.so"),
        "/cache/a1/libtorch_hip.so",
    );
    assert_eq!(answer(&machine, "/home/ann/venv", 1), "override-only");
}

/// rdna1ctl follows a link to a folder whose name suggests libraries.
#[test]
fn links_to_folders() {
    let machine = Machine::bare();
    machine.add_torch("/cache/a1", "2.6.0+rocm6.2.4", &["gfx1030"]);
    std::fs::create_dir_all(machine.path(PACKAGES)).unwrap();
    machine.link(&format!("{PACKAGES}/all"), "/cache/a1");
    assert_eq!(answer(&machine, "/home/ann/venv", 3), "nothing-found");
    machine.link(&format!("{PACKAGES}/torch"), "/cache/a1/torch");
    machine.link("/cache/a1/torch/again_torch", "..");
    let found = place(&machine, "/home/ann/venv", 1);
    assert_eq!(
        (&found["answer"], &found["version"]),
        (&"override-only".into(), &"6.2.4".into())
    );
    assert_eq!(found["parts"].as_array().unwrap().len(), 3, "{found}");
}

#[test]
fn a_pytorch_without_rocm() {
    let machine = Machine::bare();
    for version in ["2.6.0+cpu", "2.6.0+cu124"] {
        machine.put(
            &format!("{PACKAGES}/torch/version.py"),
            format!("__version__ = '{version}'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"),
        );
        let page = machine.says(&["check", "/home/ann/venv"], 1);
        assert!(
            page.contains(&format!("PyTorch {version} is built without ROCm")),
            "{page}"
        );
    }
}

/// ollama and llama.cpp each bring a library of kernels.
#[test]
fn applications() {
    let machine = Machine::bare();
    let ollama = "/usr/lib/ollama/rocm";
    machine.put(
        &format!("{ollama}/libggml-hip.so"),
        code::fat(&[&code::listed(&["gfx1030", "gfx1100"])]),
    );
    machine.put(
        &format!("{ollama}/librocblas.so.4.4.60303"),
        code::library(".text", b""),
    );
    machine.link(
        &format!("{ollama}/librocblas.so.4"),
        "librocblas.so.4.4.60303",
    );
    machine.add_kernels(&format!("{ollama}/rocblas/library"), &["gfx1030"]);
    let found = place(&machine, "/usr/lib/ollama", 1);
    assert_eq!(
        (&found["answer"], &found["version"]),
        (&"override-only".into(), &"6.3.3".into())
    );
    // A statically linked program; it uses the system's rocBLAS.
    let server = "/opt/llama.cpp/bin/llama-server";
    machine.put(server, code::fat(&[&code::listed(&["gfx1010"])]));
    assert_eq!(answer(&machine, "/opt/llama.cpp", 3), "nothing-found");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(machine.path(server), mode).unwrap();
    assert_eq!(answer(&machine, "/opt/llama.cpp", 0), "native");
}

/// A container's links lead to its own files, and rdna1ctl skips its `/sys`.
#[test]
fn a_container() {
    let machine = Machine::bare();
    let root = "/srv/image";
    for folder in ["etc", "usr/lib", "sys", "proc"] {
        std::fs::create_dir_all(machine.path(&format!("{root}/{folder}"))).unwrap();
    }
    machine.put(
        &format!("{root}/sys/libx.so"),
        code::fat(&[&code::listed(&["gfx900"])]),
    );
    machine.put(
        &format!("{root}/opt/rocm-6.3.2/.info/version"),
        "6.3.2-66\n",
    );
    machine.add_kernels(
        &format!("{root}/opt/rocm-6.3.2/lib/rocblas/library"),
        &["gfx1010"],
    );
    machine.link(&format!("{root}/opt/rocm"), "/opt/rocm-6.3.2");
    machine.link(&format!("{root}/usr/lib/libmine.so"), "/opt/app/libmine.so");
    // The host's file of that name does not belong to the container.
    machine.put(
        "/opt/app/libmine.so",
        code::fat(&[&code::listed(&["gfx900"])]),
    );
    let found = place(&machine, root, 0);
    assert_eq!(found["version"], "6.3.2-66");
    machine.put(
        &format!("{root}/opt/app/libmine.so"),
        code::fat(&[&code::listed(&["gfx1030"])]),
    );
    assert_eq!(answer(&machine, root, 1), "override-only");
}

#[test]
fn several_places_and_none() {
    let machine = Machine::bare();
    machine.add_kernels("/a/rocblas/library", &["gfx1010"]);
    machine.add_kernels("/b/rocblas/library", &["gfx900"]);
    std::fs::create_dir_all(machine.path("/c")).unwrap();
    for (paths, status) in [
        (&["/a"][..], 0),
        (&["/a", "/c"], 3),
        (&["/a", "/c", "/b"], 1),
        (&["/b", "/gone"], 2),
        (&["/gone"], 2),
        (&["/a/rocblas/library"], 0),
    ] {
        machine.says(&[&["check"], paths].concat(), status);
    }
    let output = machine.run(&["check", "/gone"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot look into /gone: No such file"),
        "{said}"
    );
}

/// Without a path, `check` reads the active environment and the installed ROCm.
#[test]
fn usual_places() {
    let machine = Machine::bare();
    machine.add_torch(PACKAGES, "2.6.0+rocm6.2.4", &["gfx1030"]);
    let run = |variables: &[(&str, &str)]| {
        let mut command = machine.command(&["check"]);
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (status, said) = run(&[]);
    assert!(
        status == Some(3) && said.contains("name a folder"),
        "{said}"
    );
    let (status, said) = run(&[("VIRTUAL_ENV", "/home/ann/venv")]);
    assert!(
        status == Some(1) && said.contains("/home/ann/venv"),
        "{said}"
    );
    machine.put("/opt/rocm/.info/version", "6.3.2\n");
    machine.add_kernels("/opt/rocm/lib/rocblas/library", &["gfx1010"]);
    let (status, said) = run(&[]);
    assert!(
        status == Some(0) && said.contains("/opt/rocm  (ROCm 6.3.2)"),
        "{said}"
    );
}

/// Loops of links, pipes, unreadable folders, and names that are not text.
#[test]
fn hostile_folders() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::bare();
    machine.add_kernels("/app/rocblas/library", &["gfx1010"]);
    machine.link("/app/loop", "loop");
    machine.link("/app/up", "..");
    machine.link("/app/libself.so", "libself.so");
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o777);
    nix::unistd::mkfifo(&machine.path("/app/libpipe.so"), mode).unwrap();
    let odd = machine
        .path("/app")
        .join(std::ffi::OsStr::from_bytes(b"lib\xff\x1b[2J.so"));
    std::fs::write(odd, code::fat(&[&code::listed(&["gfx1030"])])).unwrap();
    let page = machine.says(&["check", "/app"], 1);
    assert!(!page.contains('\u{1b}'), "{page}");
    machine.says(&["check", "/app/loop"], 2);
    // A pipe is not a library, and must not block `check`.
    assert_eq!(answer(&machine, "/app/libpipe.so", 3), "nothing-found");
}
