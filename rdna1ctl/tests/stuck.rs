// SPDX-License-Identifier: GPL-2.0

//! Many programs, and programs stuck in the kernel, with files that do not answer.

mod machine;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use machine::code::{self, Method};
use machine::Machine;
use nix::libc;
use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::signal::{signal, SigHandler, Signal};

/// Takes a write lease. Another process's open then blocks until the lease ends, at most 45 seconds
/// (fcntl(2)). So does reading the environment of a process whose memory is locked.
fn lease(machine: &Machine, path: &str) -> File {
    // SAFETY: This installs no handler. Otherwise the kernel's SIGIO to the holder would kill the
    // test.
    unsafe { signal(Signal::SIGIO, SigHandler::SigIgn) }.unwrap();
    let file = File::options()
        .read(true)
        .write(true)
        .open(machine.path(path))
        .unwrap();
    // SAFETY: The descriptor is open, and F_SETLEASE takes a number.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) };
    assert_eq!(done, 0, "{path}: {}", std::io::Error::last_os_error());
    file
}

/// A command that waits for a leased file takes 45 s (`/proc/sys/fs/lease-break-time`).
const NOT_STUCK: Duration = Duration::from_secs(20);

/// Runs a command; returns its output and its duration.
fn timed(machine: &Machine, arguments: &[&str]) -> (String, Duration) {
    let begin = Instant::now();
    let mut command = assert_cmd::Command::from_std(machine.command(arguments));
    let ran = command.timeout(Duration::from_secs(60)).output().unwrap();
    assert!(
        ran.status.code().is_some_and(|status| status <= 1),
        "{ran:?}"
    );
    (String::from_utf8(ran.stdout).unwrap(), begin.elapsed())
}

fn add(machine: &Machine, pid: u32) {
    machine.put(&format!("/proc/{pid}/comm"), "worker\n");
    let variables: String = (0..40)
        .map(|n| format!("VARIABLE_{n}=some words of text\0"))
        .collect();
    machine.put(&format!("/proc/{pid}/environ"), variables);
    machine.put(
        &format!("/proc/{pid}/cgroup"),
        "0::/system.slice/worker.service\n",
    );
    for number in 0..12 {
        machine.link(&format!("/proc/{pid}/fd/{number}"), "socket:[12345]");
    }
}

#[test]
fn a_stuck_program_holds_nobody_up() {
    let machine = Machine::healthy();
    for pid in [100, 200, 300] {
        add(&machine, pid);
    }
    machine.add_program(4242, "");
    machine.add_program(4243, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let _leases = ["/proc/200/environ", "/proc/4242/environ"].map(|path| lease(&machine, path));
    let (said, time) = timed(&machine, &["doctor", "--json"]);
    assert!(time < NOT_STUCK, "{time:?}");
    for word in [
        "programs-stuck",
        "process 4242, 200",
        "/proc/4242/stack",
        "/proc/4243/environ",
    ] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    for arguments in [&["status"][..], &["env"], &["run", "--", "true"]] {
        let (_, time) = timed(&machine, arguments);
        assert!(time < NOT_STUCK, "{arguments:?}: {time:?}");
    }
}

/// A home folder on a server that does not answer.
#[test]
fn a_home_that_does_not_answer() {
    let machine = Machine::healthy();
    machine.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    machine.put("/root/.bashrc", "export HSA_OVERRIDE_GFX_VERSION=10.3.0\n");
    machine.put("/root/.profile", "");
    let _lease = lease(&machine, "/root/.profile");
    let (said, time) = timed(&machine, &["doctor", "--json"]);
    assert!(time < NOT_STUCK, "{time:?}");
    for word in ["files-stuck", "/root/.profile", "/root/.bashrc:1"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

/// The CPU time of all commands so far.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let micros = times.map(|time| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64);
    Duration::from_micros(micros.iter().sum())
}

/// Runs `doctor`, and asserts that it needs little CPU time.
fn doctor(machine: &Machine, what: &str) -> String {
    let before = used();
    let mut command = assert_cmd::Command::from_std(machine.command(&["doctor"]));
    let begin = Instant::now();
    let ran = command.timeout(Duration::from_secs(60)).output().unwrap();
    let cpu = used() - before;
    eprintln!(
        "{what}: {cpu:?} of the processor, {:?} in all",
        begin.elapsed()
    );
    // Without optimization it takes several times as long.
    let most = if cfg!(debug_assertions) { 5000 } else { 500 };
    assert!(cpu < Duration::from_millis(most), "{cpu:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// `doctor` stays fast with many programs, some of them stuck.
#[test]
fn two_thousand_programs() {
    let machine = Machine::healthy();
    for pid in 1000..3000 {
        add(&machine, pid);
    }
    let said = doctor(&machine, "2000 programs");
    assert!(said.contains("0 troubles"), "{said}");

    // Fifty more programs have a library with many kernels for other cards, like PyTorch's.
    let mut bundle = code::listed(&["gfx900", "gfx906", "gfx90a", "gfx1030", "gfx1100"]);
    // Like real code: some words repeat, and each kernel has unique parts.
    let mut number = 1_u32;
    for _ in 0..40_000 {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bundle.extend([0x7e, (number >> 28) as u8, (number >> 20) as u8, 0xd1]);
    }
    let bundle = code::compressed(&bundle, 3, &Method::Zstd);
    let library = "/venv/torch/lib/libtorch_hip.so";
    machine.put(library, code::fat(&[bundle.as_slice(); 600]));
    let runtime = "/venv/torch/lib/libamdhip64.so";
    machine.put(runtime, code::library(".text", b"code"));
    for pid in 3000..3050 {
        machine.add_mapping_program(pid, "/", &[library, runtime]);
    }
    let said = doctor(&machine, "50 of 2050 programs with 600 bundles");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("0 of the 32 bundles that were read, of 600"),
        "{said}"
    );
    for word in [" and 47 more programs use ROCm", "as far as it was read"] {
        assert!(words.contains(word), "{word} is not in {said}");
    }

    let leases: Vec<_> = (1000..1060)
        .map(|pid| lease(&machine, &format!("/proc/{pid}/environ")))
        .collect();
    let (said, time) = timed(&machine, &["doctor"]);
    assert!(time < NOT_STUCK, "{time:?}");
    assert!(
        said.contains("60 programs did not answer in time"),
        "{said}"
    );
    drop(leases);
}
