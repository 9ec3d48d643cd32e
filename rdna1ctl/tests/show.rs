// SPDX-License-Identifier: GPL-2.0

//! Output: tables 80 columns wide, colours only on a terminal, and JSON.

mod machine;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use anstream::adapter::strip_str;
use machine::{machines, requests, Machine, COMMANDS};
use nix::pty::{openpty, Winsize};
use rdna1ctl::trace::{Counts, TracerState, Tracing};
use rdna1ctl::words;
use rdna1ctl::words::paper::TextWriter;

#[test]
fn pages_are_as_read_by_a_human() {
    for (name, machine, status) in machines() {
        for command in ["status", "heaps", "checks", "gpus"] {
            insta::assert_snapshot!(
                format!("{name}-{command}"),
                machine.says(&[command], status)
            );
        }
        insta::assert_snapshot!(format!("{name}-counters"), machine.says(&["counters"], 0));
    }
    let lie = Machine::without_module("reconstructed/lie-hive-id");
    insta::assert_snapshot!("lie-doctor", lie.says(&["doctor"], 1));
    insta::assert_snapshot!("healthy-doctor", Machine::healthy().says(&["doctor"], 0));
}

/// JSON has each record of a module file, with each of its keys; a `?` becomes null.
#[test]
fn json_says_what_the_files_say() {
    let lie = Machine::without_module("reconstructed/lie-hive-id");
    lie.load_module();
    // KFD's claims are unknown.
    let unknown = Machine::healthy();
    unknown.remove("/sys/class/kfd");
    unknown.write_files();
    let machines = [Machine::healthy(), Machine::recorded(), lie, unknown];
    let mut seen = BTreeSet::new();
    for machine in &machines {
        for file in ["heaps", "checks", "gpus"] {
            let path = machine.path(&format!("/sys/kernel/debug/rdna1/{file}"));
            let text = fs::read_to_string(path).unwrap();
            let output = machine.run(&[file, "--json"]);
            let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let records = document["records"].as_array().unwrap();
            let lines = text.lines().skip(1);
            assert_eq!(records.len(), lines.clone().count(), "{file}: {document}");
            for (record, line) in records.iter().zip(lines) {
                let mut keys: Vec<_> = record.as_object().unwrap().keys().cloned().collect();
                for pair in line.split(' ') {
                    let (key, value) = pair.split_once('=').unwrap();
                    let shown = record.get(key).expect(key);
                    assert!(is_shown(shown, value), "{pair}: {record}");
                    keys.retain(|other| other != key);
                    seen.insert(format!("{key}={value}"));
                }
                assert_eq!(keys, ["more"], "{record}");
            }
        }
    }
    for pair in [
        "gfx=?",
        "rules=-",
        "rules=hive-id",
        "verdict=truth",
        "device=0x731f",
    ] {
        assert!(seen.contains(pair), "{pair} was in no file: {seen:?}");
    }
}

/// Whether JSON shows a value of a module file like this.
fn is_shown(json: &serde_json::Value, value: &str) -> bool {
    match json {
        serde_json::Value::Null => value == "?",
        serde_json::Value::Number(number) => number.as_f64() == value.parse().ok(),
        serde_json::Value::String(text) => text == value,
        serde_json::Value::Array(list) if list.is_empty() => value == "-",
        serde_json::Value::Array(list) => {
            let words: Vec<_> = list.iter().filter_map(|word| word.as_str()).collect();
            words.join(",") == value
        }
        _ => false,
    }
}

fn requests_page(counts: &Counts) -> String {
    let mut paper = TextWriter::of_width(80);
    words::requests::requests(&mut paper, &requests::document(counts));
    strip_str(paper.text()).to_string()
}

#[test]
fn requests_are_as_read_by_a_human() {
    insta::assert_snapshot!("requests", requests_page(&requests::counts()));
    assert_eq!(
        requests_page(&requests::nothing()),
        "Nothing was asked of KFD.\n"
    );
}

/// If a zero means that nothing was counted, the page says so, not that nothing was requested.
#[test]
fn a_zero_that_means_nothing() {
    type Change = fn(&mut Tracing);
    let changes: [(Change, &str); 7] = [
        (
            |one| one.state = TracerState::Blind,
            "kernel.ftrace_enabled=1",
        ),
        (|one| one.was_blind = true, "For a time the kernel did not"),
        (
            |one| one.state = TracerState::Unchecked,
            "could not be checked",
        ),
        (|one| one.state = TracerState::Gone, "not loaded any more"),
        (|one| one.unloads = 1, "amdgpu was unloaded meanwhile"),
        (|one| one.probes[1].lost = 3, "3 requests of svm were lost"),
        (
            |one| one.probes[3].missed = 4,
            "4 requests of create_queue were missed",
        ),
    ];
    for (change, words) in changes {
        let mut counts = requests::nothing();
        change(&mut counts.tracing);
        let page = requests_page(&counts);
        let line = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.contains(words), "{words:?} is not in {page}");
        assert!(line.ends_with("No request was counted."), "{page}");
    }
}

/// If tracing is impossible, the page says why, and what to do.
#[test]
fn what_cannot_be_traced() {
    for (machine, words) in [
        (Machine::bare(), "amdgpu is not loaded"),
        (Machine::healthy(), "only the running system"),
    ] {
        for (arguments, status) in [
            (&["requests"][..], 2),
            (&["requests", "--json", "--seconds", "1"], 2),
            (&["requests", "--", "true"], 125),
        ] {
            let output = machine.run(arguments);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(status), "{said}");
            assert!(said.contains(words) && output.stdout.is_empty(), "{said}");
        }
    }
}

/// The command's output on a terminal of 80 columns.
fn on_a_terminal(mut command: Command) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(&size, None).unwrap();
    command
        .env("TERM", "xterm")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .stdout(terminal.slave);
    let mut child = command.spawn().unwrap();
    // Closes our copies of the terminal's other end.
    drop(command);
    let mut shown = Vec::new();
    let mut reader = fs::File::from(terminal.master);
    let mut buffer = [0; 4096];
    // EIO means that the last writer has closed the terminal.
    while let Ok(size @ 1..) = reader.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..size]);
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

/// A terminal of 80 columns gets no wider line, and a pipe gets no colours.
#[test]
fn every_page_on_a_terminal_and_in_a_pipe() {
    let [healthy, lie, bare] = machines().map(|(_, machine, _)| machine);
    let machines = [healthy, lie, bare, Machine::crowded()];
    let coloured = machines.iter().filter(|machine| {
        let mut coloured = false;
        for command in COMMANDS {
            let shown = on_a_terminal(machine.command(&[command]));
            coloured |= shown.contains('\u{1b}');
            for line in anstream::adapter::strip_str(&shown).to_string().lines() {
                // rdna1ctl does not break paths and addresses.
                let whole = line.split_whitespace().any(|word| word.len() > 60);
                assert!(line.chars().count() <= 80 || whole, "{command}: {line}");
            }
            let mut piped = machine.command(&[command]);
            let piped = piped.env("CLICOLOR", "1").output().unwrap();
            for byte in [piped.stdout, piped.stderr].concat() {
                assert!(byte == b'\n' || byte >= b' ', "{command}: {byte:#x}");
            }
        }
        coloured
    });
    assert_eq!(coloured.count(), 4);
}

#[test]
fn colours_are_for_a_terminal_that_wants_them() {
    let machine = Machine::healthy();
    for command in ["status", "heaps", "checks", "doctor"] {
        let shown = on_a_terminal(machine.command(&[command]));
        assert!(shown.contains("\u{1b}["), "{shown:?}");
        let mut plain = machine.command(&[command]);
        plain.env("NO_COLOR", "1");
        let plain = on_a_terminal(plain);
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert_eq!(anstream::adapter::strip_str(&shown).to_string(), plain);
        let piped = machine.says(&[command], 0);
        assert_eq!(piped, plain.replace("\r\n", "\n"));
    }
}

#[test]
fn a_reader_that_goes_is_no_failure() {
    let machine = Machine::healthy();
    let mut command = machine.command(&["checks"]);
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    let status = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stderr), "");
    assert_eq!(status.status.code(), Some(0));
}

#[test]
fn wrong_arguments_and_files_of_another_form() {
    let machine = Machine::healthy();
    for arguments in [
        &["status", "--colour"][..],
        &["run"],
        &["watch", "--interval", "0"],
        &["watch", "--count", "0"],
        &[],
    ] {
        assert_eq!(
            machine.run(arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    machine.edit(
        "/sys/kernel/debug/rdna1/heaps",
        "# rdna1 heaps v1",
        "# rdna1 heaps v2",
    );
    let output = machine.run(&["heaps"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("install the rdna1ctl that came with the module"),
        "{said}"
    );
    assert!(said.contains("# rdna1 heaps v2"), "{said}");
}

/// `status` shows the card although it cannot parse the counters.
#[test]
fn counts_of_another_form() {
    let machine = Machine::healthy();
    machine.edit("/sys/kernel/debug/rdna1/counters", "reads ", "reads? ");
    let page = machine.says(&["status"], 0);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["verdict truth", "reads?"] {
        assert!(page.contains(word), "{word} is not in {page}");
    }
}

/// An unknown value is null, whatever its type.
#[test]
fn an_unknown_value_is_null() {
    let machine = Machine::healthy();
    machine.remove("/sys/class/kfd");
    machine.write_files();
    let gpus = std::fs::read_to_string(machine.path("/sys/kernel/debug/rdna1/gpus")).unwrap();
    let card = &machine.json("gpus", 0)["records"][0];
    for key in ["node", "gpu_id", "gfx", "bar", "atomics_kfd"] {
        assert!(gpus.contains(&format!(" {key}=? ")), "{gpus}");
        assert!(card[key].is_null(), "{key}: {card}");
    }
    assert_eq!(card["reason"], "no-kfd");
}

/// JSON shows a key that a newer module adds, and tables do not.
#[test]
fn keys_of_a_newer_module() {
    let machine = Machine::healthy();
    let before = machine.says(&["heaps"], 0);
    machine.edit(
        "/sys/kernel/debug/rdna1/heaps",
        "rules=-",
        "rules=- colour=red",
    );
    assert_eq!(machine.says(&["heaps"], 0), before);
    assert_eq!(
        machine.json("heaps", 0)["records"][0]["more"]["colour"],
        "red"
    );
}

/// A user other than root reads KFD's sysfs, and a note says what root could read.
#[test]
fn another_user_than_root() {
    let machine = Machine::healthy();
    machine.put(
        "/proc/self/status",
        "Name:\trdna1ctl\nUid:\t1000\t1000\t1000\t1000\n",
    );
    machine.set_atomics("0000:03:00.0", machine::Atomics::Unreadable);
    // A file in place of the folder: not even root can read the module's files now.
    machine.remove("/sys/kernel/debug");
    machine.put("/sys/kernel/debug", "");
    let page = machine.says(&["status"], 0);
    assert!(page.contains("Read from KFD's sysfs"), "{page}");
    assert!(
        page.contains("only root can read whether PCIe atomics get through"),
        "{page}"
    );
    let found: Vec<_> = machine
        .findings()
        .into_iter()
        .map(|(id, state, _)| (id, state))
        .collect();
    let unseen = |id: &str| (id.to_owned(), "unseen".to_owned());
    assert_eq!(
        found,
        [
            unseen("module-files"),
            unseen("atomics-unknown"),
            unseen("amdgpu-package")
        ]
    );
}

#[test]
fn programs_on_kfd_are_listed() {
    let machine = Machine::healthy();
    machine.add_program(77, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    machine.add_program(78, "LANG=C\0");
    let page = machine.says(&["status"], 0);
    assert!(page.contains("77   python3         1.0 GiB  yes"), "{page}");
    assert!(page.contains("78   python3         1.0 GiB  no"), "{page}");
}

#[test]
fn watch_tells_of_changes() {
    let machine = Machine::healthy();
    let mut watch = machine.command(&["watch", "--interval", "0.05", "--count", "1000"]);
    let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut seen = String::new();
    // Reads until that word, and returns the text before it.
    let mut until = |word: &str| -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some((before, after)) = seen.split_once(word) {
                let before = before.to_owned();
                seen = after.to_owned();
                return before;
            }
            let size = out.read(&mut buffer).unwrap();
            assert_ne!(size, 0, "{seen}");
            seen.push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
    };
    until("verdict    truth");
    machine.edit(
        "/sys/kernel/debug/rdna1/gpus",
        "verdict=truth",
        "verdict=lie",
    );
    let before = until("+   verdict    lie");
    assert!(before.contains("-   verdict    truth"), "{before}");
    // An unreadable file does not end `watch`: the module may be reloading.
    let heaps = "/sys/kernel/debug/rdna1/heaps";
    machine.edit(heaps, "# rdna1 heaps v1", "# rdna1 heaps v9");
    until("# rdna1 heaps v9");
    machine.edit(heaps, "# rdna1 heaps v9", "# rdna1 heaps v1");
    until("+   verdict    lie");
    child.kill().unwrap();
    child.wait().unwrap();
}
