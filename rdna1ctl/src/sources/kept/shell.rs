// SPDX-License-Identifier: GPL-2.0

//! The variables that login files and shell scripts set, each with its line.
//!
//! Nothing is run: a variable counts even if a script sets it only under a condition.

use crate::sources::processes::Variable;

/// The line number, and the variable that the line sets.
pub type Set = (usize, Variable);

/// The numbered lines of a text. A line that ends with a backslash is joined with the next one.
pub fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let (part, more) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some((_, last)) if goes_on => last.push_str(part),
            _ => lines.push((number, part.to_owned())),
        }
        goes_on = more;
    }
    lines
}

/// Splits `NAME=value`, if the name is valid.
pub fn assignment(word: &str) -> Option<Variable> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// Reads `NAME=value` as `/etc/environment` and environment.d(5) define it: quotes around the
/// value, comments, and an `export` that pam_env(8) skips.
pub fn plain(text: &str) -> Vec<Set> {
    let lines = joined(text).into_iter().filter_map(|(number, line)| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.split('#').next()?.trim();
        let (name, value) = assignment(line)?;
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        let value = quoted.unwrap_or(&value).to_owned();
        Some((number, (name, value)))
    });
    lines.collect()
}

/// Reads `NAME DEFAULT=value OVERRIDE=value`.
pub fn pam(text: &str) -> Vec<Set> {
    let lines = joined(text).into_iter().filter_map(|(number, line)| {
        let words = shlex::split(&line)?;
        let (name, rest) = words.split_first()?;
        let value = |key: &str| rest.iter().find_map(|word| word.strip_prefix(key));
        let value = value("OVERRIDE=").or_else(|| value("DEFAULT="))?;
        Some((number, (name.clone(), value.to_owned())))
    });
    lines.collect()
}

/// Words after which a command begins.
const BEFORE_COMMANDS: [&str; 10] = ["&&", "||", ";", "&", "then", "do", "else", "{", "(", "|"];

/// Puts blanks around the marks that end a command, outside of quotes.
fn apart(text: &str) -> String {
    let mut apart = String::new();
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ';' | '&' | '|') => {
                let twice = rest.next_if_eq(&c);
                apart.push(' ');
                apart.push(c);
                apart.extend(twice);
                apart.push(' ');
                continue;
            }
            _ => {}
        }
        apart.push(c);
    }
    apart
}

/// The value of `${NAME:-value}` if nothing has set NAME before. Other expressions give `None`,
/// because nothing is run.
fn expanded(value: &str) -> Option<String> {
    if !value.contains('$') {
        return Some(value.to_owned());
    }
    let inner = value.strip_prefix("${")?.strip_suffix('}')?;
    let (_, default) = inner.split_once(":-").or_else(|| inner.split_once('-'))?;
    (!default.contains('$')).then(|| default.to_owned())
}

/// A word of a script that sets or exports a variable.
struct Seen {
    line: usize,
    name: String,
    value: Option<String>,
    is_exported: bool,
}

/// The variables that a script of sh, csh or fish sets and exports. A variable before a command is
/// only for that command.
pub fn script(text: &str) -> Vec<Set> {
    let mut seen = Vec::new();
    for (line, text) in joined(text) {
        // A line whose quote continues on the next line sets none of these variables.
        let words = shlex::split(&apart(&text)).unwrap_or_default();
        for command in words.split(|word| BEFORE_COMMANDS.contains(&word.as_str())) {
            seen.extend(of_command(line, command));
        }
    }
    let exported: Vec<_> = seen.iter().filter(|one| one.is_exported).collect();
    let is_exported = |name: &str| exported.iter().any(|one| one.name == name);
    let set = seen.iter().filter(|one| is_exported(&one.name));
    let set =
        set.filter_map(|one| Some((one.line, (one.name.clone(), expanded(one.value.as_ref()?)?))));
    set.collect()
}

fn of_command(line: usize, command: &[String]) -> Vec<Seen> {
    let Some((first, rest)) = command.split_first() else {
        return Vec::new();
    };
    let (options, words): (Vec<_>, Vec<_>) = rest.iter().partition(|word| word.starts_with('-'));
    let has = |option: char| options.iter().any(|word| word.contains(option));
    let one = |word: &str, is_exported: bool| {
        let (name, value) = match assignment(word) {
            Some((name, value)) => (name, Some(value)),
            None => (word.to_owned(), None),
        };
        Seen {
            line,
            name,
            value,
            is_exported,
        }
    };
    let pair = || match words.as_slice() {
        [name, value, ..] => vec![one(&format!("{name}={value}"), true)],
        _ => Vec::new(),
    };
    match first.as_str() {
        "export" if has('n') => Vec::new(),
        "export" => words.iter().map(|word| one(word, true)).collect(),
        "declare" | "typeset" if has('x') => words.iter().map(|word| one(word, true)).collect(),
        // csh exports by setenv, fish by set -x.
        "setenv" => pair(),
        "set" if has('x') => pair(),
        _ if command.iter().all(|word| assignment(word).is_some()) => {
            command.iter().map(|word| one(word, false)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[Set]) -> Vec<String> {
        let words = set
            .iter()
            .map(|(line, (name, value))| format!("{line} {name}={value}"));
        words.collect()
    }

    #[test]
    fn what_a_login_sets() {
        let text = "# HSA_A=1\n HSA_B=2 # two\nexport HSA_C='3 4'\nHSA_D=\"5\"\nnot a line\n";
        assert_eq!(of(&plain(text)), ["2 HSA_B=2", "3 HSA_C=3 4", "4 HSA_D=5"]);
        let text = "HSA_A DEFAULT=1\nHSA_B DEFAULT=1 OVERRIDE=\"2 3\"\n#HSA_C DEFAULT=1\n";
        assert_eq!(of(&pam(text)), ["1 HSA_A=1", "2 HSA_B=2 3"]);
    }

    #[test]
    fn what_a_script_exports() {
        for (text, set) in [
            ("export HSA_A=1", &["1 HSA_A=1"][..]),
            (
                "\n  export HSA_A=\"1\" HSA_B=2; export HSA_C=3 # four",
                &["2 HSA_A=1", "2 HSA_B=2", "2 HSA_C=3"],
            ),
            ("if true; then export HSA_A=1; fi", &["1 HSA_A=1"]),
            ("test -e x && export HSA_A=1", &["1 HSA_A=1"]),
            ("HSA_A=1\nexport HSA_A", &["1 HSA_A=1"]),
            ("declare -x HSA_A=1", &["1 HSA_A=1"]),
            ("export \\\n  HSA_A=1", &["1 HSA_A=1"]),
            ("export HSA_A=1&&echo", &["1 HSA_A=1"]),
            ("export HSA_A=1;echo", &["1 HSA_A=1"]),
            ("export HSA_A='1;2&3'", &["1 HSA_A=1;2&3"]),
            ("export HSA_A=\"${HSA_A:-1}\"", &["1 HSA_A=1"]),
            ("export HSA_A=${HSA_A-1}", &["1 HSA_A=1"]),
            ("setenv HSA_A 1", &["1 HSA_A=1"]),
            ("set -gx HSA_A 1", &["1 HSA_A=1"]),
            ("set -Ux HSA_A 1", &["1 HSA_A=1"]),
            // Set for one command or for the shell only, no longer exported, or not set at all.
            ("HSA_A=1 python3 train.py", &[]),
            ("alias torch='HSA_A=1 python3'", &[]),
            ("HSA_A=1", &[]),
            ("export HSA_A=$HSA_B", &[]),
            ("export HSA_A=$(cat /etc/x)", &[]),
            ("export -n HSA_A=1", &[]),
            ("# export HSA_A=1", &[]),
            ("echo export HSA_A=1", &[]),
            ("echo 'HSA_A=1", &[]),
        ] {
            assert_eq!(of(&script(text)), set, "{text}");
        }
    }
}
