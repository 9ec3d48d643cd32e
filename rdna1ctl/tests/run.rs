// SPDX-License-Identifier: GPL-2.0

//! The command `run`: a program that ends, one that crashes, one that hangs.

mod machine;

use std::fs::File;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use machine::Machine;
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

/// Runs `sh -c script` on that machine. `$ROOT` is the machine's root folder.
fn run(machine: &Machine, options: &[&str], script: &str) -> Output {
    command(machine, options, script).output().unwrap()
}

fn command(machine: &Machine, options: &[&str], script: &str) -> Command {
    let mut command = machine.command(&["run"]);
    command
        .args(options)
        .args(["--", "sh", "-c", script])
        .env("ROOT", machine.root())
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_status_and_the_output_are_the_commands() {
    let machine = Machine::healthy();
    for status in [0, 1, 42, 255] {
        let output = run(&machine, &[], &format!("echo out; exit {status}"));
        assert_eq!(output.status.code(), Some(status));
        assert_eq!(output.stdout, b"out\n");
    }
    let words = said(&run(&machine, &[], "exit 42"));
    for word in [
        "ended with status 42",
        "Requests cannot be traced: only the running system can be",
        "Nothing about the card or a crash",
    ] {
        assert!(words.contains(word), "{word:?} is not in {words}");
    }
}

#[test]
fn the_environment_is_set() {
    let machine = Machine::healthy();
    machine.put("/proc/self/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let mut ran = command(
        &machine,
        &[],
        "echo $MIOPEN_FIND_MODE-$HSA_OVERRIDE_GFX_VERSION",
    );
    ran.env("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
    let output = ran.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2-\n");
    let words = said(&output);
    assert!(words.contains("MIOPEN_FIND_MODE=2\n"), "{words}");
    assert!(
        words.contains("HSA_OVERRIDE_GFX_VERSION is unset\n"),
        "{words}"
    );

    let mut ran = command(
        &machine,
        &["--no-env"],
        "echo $MIOPEN_FIND_MODE-$HSA_OVERRIDE_GFX_VERSION",
    );
    ran.env("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
    assert_eq!(
        String::from_utf8_lossy(&ran.output().unwrap().stdout),
        "-10.3.0\n"
    );
}

/// Script lines for a program that causes card errors.
const FAULT: &str = r#"
echo '4,902,9000000,-;amdgpu 0000:03:00.0: [gfxhub] page fault' >> $ROOT/dev/kmsg
echo '6,903,9000001,-;usb 1-1: new device' >> $ROOT/dev/kmsg
"#;

/// `run` shows the log lines, however the program ends.
#[test]
fn the_log_is_shown_however_it_ends() {
    for (options, end, status, words) in [
        (&[][..], "exit 0", 0, "ended well"),
        (&[], "kill -SEGV $$", 139, "ended by SIGSEGV"),
        (&[], "kill -ABRT $$", 134, "ended by SIGABRT"),
        (
            &["--timeout", "1"],
            "exec sleep 1000",
            124,
            "time was over: it was ended by SIGTERM",
        ),
    ] {
        let machine = Machine::healthy();
        let output = run(&machine, options, &format!("{FAULT}{end}"));
        let seen = said(&output);
        assert_eq!(output.status.code(), Some(status), "{end}: {seen}");
        for word in [
            words,
            "[    9.000000] amdgpu 0000:03:00.0: [gfxhub] page fault",
        ] {
            assert!(seen.contains(word), "{end}: {word:?} is not in {seen}");
        }
        // No earlier lines, and no lines about other devices.
        for word in ["usb 1-1", "added device"] {
            assert!(!seen.contains(word), "{end}: {word:?} is in {seen}");
        }
    }
}

/// drm.debug messages do not crowd out an earlier fault and reset.
#[test]
fn chatter_does_not_crowd_out_what_happened() {
    let early = [
        "3,902,9000000,-;amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)",
        "3,903,9000001,-;amdgpu 0000:03:00.0: amdgpu:  Process python3 pid 4242 thread python3 pid 4242",
        "3,904,9000002,-;amdgpu 0000:03:00.0: amdgpu:   in page starting at address 0x00007f0000000000 from client 0x1b (UTCL2)",
        "6,905,9000003,-;amdgpu 0000:03:00.0: amdgpu: GPU reset begin!",
        "6,906,9000004,-;amdgpu 0000:03:00.0: amdgpu: GPU reset(1) succeeded!",
        "4,907,9000005,-;python3[4242]: segfault at 0 ip 00007f sp 00007f error 4",
    ];
    for (count, line) in [
        (
            60,
            "7,N,9500000,-;[drm:drm_ioctl] comm=\"Xorg\" pid=77, dev=0xe200, auth=1, AMDGPU_CS",
        ),
        (
            5000,
            "6,N,9500000,-;amdgpu 0000:03:00.0: amdgpu: some news of no weight",
        ),
        (
            200,
            "4,N,9500000,-;amdgpu 0000:03:00.0: [drm] a warning of no weight",
        ),
    ] {
        let machine = Machine::healthy();
        let mut log = early.join("\n") + "\n";
        for number in 0..count {
            log.push_str(&line.replace('N', &(908 + number).to_string()));
            log.push('\n');
        }
        machine.put("/new", log);
        let words = said(&run(&machine, &[], "cat $ROOT/new >> $ROOT/dev/kmsg"));
        for line in early {
            let (_, text) = line.split_once(';').unwrap();
            assert!(words.contains(text), "{text} is not in {words}");
        }
        for word in [
            "page fault on the card: a program accessed memory",
            "python3 (process 4242): once, last at [9.000000]",
            "amdgpu reset the card",
            &format!("({} lines that tell less are left out", count + 6 - 40),
        ] {
            assert!(words.contains(word), "{word:?} is not in {words}");
        }
        // In chronological order.
        let at = |word: &str| words.rfind(word).unwrap();
        assert!(
            at("in page starting") < at("GPU reset begin!")
                && at("GPU reset begin!") < at("[    9.500000]")
        );
        assert!(!words.contains("overwrote"), "{words}");
    }
}

/// Thousands of faults crowd out neither a reset nor the first fault of another kind.
#[test]
fn many_faults_do_not_crowd_out_a_reset() {
    let machine = Machine::healthy();
    let mut log = "6,902,9000000,-;amdgpu 0000:03:00.0: amdgpu: GPU reset begin!\n".to_owned();
    for number in 903..1903 {
        log.push_str(&format!("3,{number},9500000,-;amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:1, for process p pid {number} thread p pid {number})\n"));
    }
    machine.put("/new", log);
    let words = said(&run(&machine, &[], "cat $ROOT/new >> $ROOT/dev/kmsg"));
    for word in [
        "amdgpu reset the card: all programs on it lost their work (once)",
        "last at [9.000000]",
        "[    9.000000] amdgpu 0000:03:00.0: amdgpu: GPU reset begin!",
        "(1000 times)",
        "and 995 others",
        "(961 lines that tell less are left out",
    ] {
        assert!(
            words
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .contains(&word.split_whitespace().collect::<Vec<_>>().join(" ")),
            "{word:?} is not in {words}"
        );
    }
}

/// The kernel keeps a limited number of messages.
#[test]
fn messages_that_the_kernel_overwrote() {
    let machine = Machine::healthy();
    machine.put(
        "/new",
        "6,5000,9000000,-;amdgpu 0000:03:00.0: amdgpu: some news\n",
    );
    let words = said(&run(&machine, &[], "cat $ROOT/new > $ROOT/dev/kmsg"));
    assert!(
        words.contains("The kernel overwrote 4098 messages"),
        "{words}"
    );
}

/// `run` kills a program that ignores SIGTERM, and everything that it started.
#[test]
fn a_hang_that_heeds_no_signal() {
    let machine = Machine::healthy();
    let script =
        "trap '' TERM; (trap '' TERM; exec sleep 1000) > /dev/null 2>&1 & echo $!; exec > /dev/null 2>&1; while :; do sleep 1000; done";
    let output = run(&machine, &["--timeout", "0.3"], script);
    let stderr = said(&output);
    assert_eq!(output.status.code(), Some(124), "{stderr}");
    let words: Vec<_> = stderr.split_whitespace().collect();
    assert!(words.join(" ").contains("ended by SIGKILL"), "{stderr}");
    let started: i32 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap();
    // Its parent has ended. The process that adopted it may not have reaped it yet.
    let gone = || {
        let state = std::fs::read_to_string(format!("/proc/{started}/stat"));
        state.map_or(true, |stat| stat.contains(") Z "))
    };
    for _ in 0..500 {
        if gone() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("process {started} outlived the command");
}

/// At the time-out, `run` ends a program that stopped itself.
#[test]
fn a_program_that_is_stopped() {
    let machine = Machine::healthy();
    let output = run(&machine, &["--timeout", "0.3"], "kill -STOP $$");
    assert_eq!(output.status.code(), Some(124), "{}", said(&output));
}

/// `run` passes a signal on to the program, and reports how it ended.
#[test]
fn a_signal_is_passed_on() {
    let machine = Machine::healthy();
    let script = "trap 'echo heeded; exit 7' INT; echo ready; i=0; \
                  while [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done";
    let mut child = command(&machine, &[], script)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    assert_eq!(&first, b"ready\n");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert_eq!(output.stdout, b"heeded\n");
    assert!(said(&output).contains("ended with status 7"));
}

/// The program sends the signal as its first action.
#[test]
fn a_signal_that_comes_at_once() {
    let machine = Machine::healthy();
    let script = "trap 'exit 7' INT; kill -INT $PPID; i=0; \
                  while [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done";
    for _ in 0..10 {
        let output = run(&machine, &[], script);
        assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    }
}

#[test]
fn what_cannot_be_started() {
    let machine = Machine::healthy();
    for (program, status) in [("/no/such/program", 127), ("/etc/passwd", 126)] {
        let output = machine.run(&["run", "--", program]);
        assert_eq!(output.status.code(), Some(status));
        assert!(said(&output).contains(&format!("cannot run {program}")));
    }
}

#[test]
fn it_refuses_where_kfd_lies() {
    let machine = Machine::without_module("reconstructed/lie-hive-id");
    let output = run(&machine, &[], "echo ran");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(125), 0));
    assert!(said(&output).contains("nothing was run"));
    let output = run(&machine, &["--no-env"], "echo ran");
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(0), &b"ran\n"[..])
    );
}

/// The program starts without blocked signals. A shell would unblock them, so this is not a shell.
#[test]
fn no_signal_is_held_back() {
    let machine = Machine::healthy();
    let output = machine.run(&["run", "--", "grep", "SigBlk", "/proc/self/status"]);
    assert_eq!(output.stdout, b"SigBlk:\t0000000000000000\n");
}

/// The parent may ignore SIGCHLD, which children inherit. Shells reset that, so this uses env.
#[test]
fn an_end_that_nobody_was_to_be_told_of() {
    let machine = Machine::healthy();
    let ran = command(&machine, &[], "sleep 0.2; exit 7");
    let mut ignoring = Command::new("env");
    ignoring
        .arg("--ignore-signal=CHLD")
        .arg(ran.get_program())
        .args(ran.get_args())
        .env("ROOT", machine.root())
        .stdin(Stdio::null());
    let mut ignoring = assert_cmd::Command::from_std(ignoring);
    let output = ignoring.timeout(Duration::from_secs(60)).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
}

/// `run` returns the command's exit status even if it cannot write to stderr.
#[test]
fn a_stderr_that_takes_nothing() {
    let machine = Machine::healthy();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut ran = command(&machine, &[], "exit 7");
    assert_eq!(ran.stderr(full()).status().unwrap().code(), Some(7));
    let lie = Machine::without_module("reconstructed/lie-hive-id");
    for (arguments, status) in [
        (&["run", "true"][..], 125),
        (&["env"], 1),
        (&["report", "/"], 2),
    ] {
        let mut ran = lie.command(arguments);
        let ended = ran.stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
    }
}
