// SPDX-License-Identifier: GPL-2.0

//! JSON and its schemas, and the other files that packages generate with the program.

mod machine;

use std::fs;
use std::path::Path;

use machine::{machines, requests, Machine, COMMANDS};
use tempfile::TempDir;

/// The output of `rdna1ctl generate`.
fn generated() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Machine::bare().says(&["generate", folder.path().to_str().unwrap()], 0);
    folder
}

fn schema(folder: &TempDir, command: &str) -> serde_json::Value {
    let file = folder.path().join(format!("schema/{command}.json"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn json_has_a_schema() {
    let made = generated();
    let machines = machines();
    for command in COMMANDS {
        let schema = schema(&made, command);
        for (name, machine, _) in &machines {
            let output = machine.run(&[command, "--json"]);
            let document = serde_json::from_slice(&output.stdout).unwrap();
            expect_fit(&schema, &document, &format!("{name} {command}"));
        }
    }
    let check = schema(&made, "check");
    let (_, machine, _) = &machines[0];
    machine.add_torch("/venv", "2.6.0+rocm6.2.4", &["gfx1030"]);
    for path in ["/venv", "/dev"] {
        let output = machine.run(&["check", "--json", path]);
        let document = serde_json::from_slice(&output.stdout).unwrap();
        expect_fit(&check, &document, path);
    }
    let schema = schema(&made, "requests");
    for counts in [requests::nothing(), requests::counts()] {
        let document = serde_json::to_value(requests::document(&counts)).unwrap();
        expect_fit(&schema, &document, "requests");
    }
}

/// The keys of all documents, from their schemas. Removing or renaming a key makes a new format.
#[test]
fn keys_are_those_that_programs_know() {
    let made = generated();
    let mut keys = Vec::new();
    for command in COMMANDS.into_iter().chain(["check", "requests"]) {
        let schema = schema(&made, command);
        let parts = schema["$defs"].as_object().into_iter().flatten();
        let parts = parts.map(|(name, part)| (name.as_str(), part));
        for (name, part) in [("", &schema)].into_iter().chain(parts) {
            let properties = part["properties"].as_object().into_iter().flatten();
            let names: Vec<_> = properties.map(|(key, _)| key.as_str()).collect();
            if !names.is_empty() {
                keys.push(format!("{command} {name}: {}", names.join(" ")));
            }
        }
    }
    insta::assert_snapshot!("keys", keys.join("\n"));
}

/// Asserts that the document fits the schema, and that the schema rejects other documents.
fn expect_fit(schema: &serde_json::Value, document: &serde_json::Value, name: &str) {
    let judge = jsonschema::validator_for(schema).unwrap();
    let errors = judge.iter_errors(document);
    let wrong: Vec<_> = errors.map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    for key in document.as_object().unwrap().keys() {
        let mut less = document.clone();
        less.as_object_mut().unwrap().remove(key);
        assert!(!judge.is_valid(&less), "{name} without {key}");
        let mut odd = document.clone();
        odd[key] = serde_json::json!(-1.5);
        assert!(!judge.is_valid(&odd), "{name} with an odd {key}");
    }
}

#[test]
fn what_packages_need_is_generated() {
    let folder = generated();
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let commands = COMMANDS.into_iter().chain(["check", "requests"]);
    let mut schemas: Vec<_> = commands.map(|command| format!("{command}.json")).collect();
    schemas.sort();
    assert_eq!(names(&folder.path().join("schema")), schemas);
    let manuals = names(&folder.path().join("man"));
    assert!(manuals.contains(&"rdna1ctl.1".to_owned()), "{manuals:?}");
    assert!(
        manuals.contains(&"rdna1ctl-doctor.1".to_owned()),
        "{manuals:?}"
    );
    assert!(
        !manuals.iter().any(|name| name.contains("generate")),
        "{manuals:?}"
    );
    let page = fs::read_to_string(folder.path().join("man/rdna1ctl-run.1")).unwrap();
    assert!(page.contains("\\-\\-timeout"), "{page}");
    assert_eq!(
        names(&folder.path().join("completions")),
        ["_rdna1ctl", "rdna1ctl.bash", "rdna1ctl.fish"]
    );
}
