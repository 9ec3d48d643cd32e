// SPDX-License-Identifier: GPL-2.0

//! Which Debian mirror to use: the one the host already uses.

use std::path::Path;

/// The first Debian archive that the apt configuration below `etc_apt` names.
///
/// `None` where the host is no Debian, or its configuration is not understood.
pub fn from_apt_config(etc_apt: &Path) -> Option<String> {
    let mut files = vec![etc_apt.join("sources.list")];
    let mut parts: Vec<_> = std::fs::read_dir(etc_apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    parts.sort();
    files.extend(parts);
    files.iter().find_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        match file.extension()?.to_str()? {
            "list" => from_list(&text),
            "sources" => from_deb822(&text),
            _ => None,
        }
    })
}

/// One-line style: `deb [options] URI SUITE COMPONENT...`.
fn from_list(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.split('#').next()?.trim();
        let mut rest = line.strip_prefix("deb")?;
        if !rest.starts_with(char::is_whitespace) {
            return None;
        }
        rest = rest.trim_start();
        if let Some(options) = rest.strip_prefix('[') {
            rest = options.split_once(']')?.1;
        }
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        let components: Vec<_> = words.collect();
        debian_archive(uri, suite, &components)
    })
}

/// Stanza style: `Types:`, `URIs:`, `Suites:`, `Components:`.
fn from_deb822(text: &str) -> Option<String> {
    let text: String = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| if l.trim().is_empty() { "" } else { l })
        .collect::<Vec<_>>()
        .join("\n");
    text.split("\n\n").find_map(|stanza| {
        // Continuation lines begin with a blank.
        let stanza = stanza.replace("\n ", " ").replace("\n\t", " ");
        let field = |name: &str| -> Vec<&str> {
            stanza
                .lines()
                .filter_map(|l| l.split_once(':'))
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.split_whitespace().collect())
                .unwrap_or_default()
        };
        if field("Enabled")
            .first()
            .is_some_and(|v| v.eq_ignore_ascii_case("no"))
            || !field("Types").contains(&"deb")
        {
            return None;
        }
        let suites = field("Suites");
        let components = field("Components");
        field("URIs").iter().find_map(|uri| {
            suites
                .iter()
                .find_map(|suite| debian_archive(uri, suite, &components))
        })
    })
}

/// Whether this is Debian's main archive: `main`, of a Debian release, and a
/// path as Debian's mirrors have it (Ubuntu's end in `ubuntu`).
fn debian_archive(uri: &str, suite: &str, components: &[&str]) -> Option<String> {
    const RELEASES: [&str; 10] = [
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "bullseye",
    ];
    let uri = uri.trim_end_matches('/');
    let fetched = ["http://", "https://"]
        .iter()
        .any(|scheme| uri.starts_with(scheme));
    let is_debian = fetched
        && uri.ends_with("/debian")
        && components.contains(&"main")
        && RELEASES.contains(&suite);
    is_debian.then(|| uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deb822_after_a_comment_and_a_foreign_stanza() {
        let text = "Types: deb\nURIs: http://other.example/node\nSuites: nodistro\nComponents: main\n\
                    \n# note\nTypes: deb deb-src\nURIs: http://mirror.example/debian/\nSuites: bookworm\n bookworm-updates\nComponents: main\n";
        assert_eq!(
            from_deb822(text).as_deref(),
            Some("http://mirror.example/debian")
        );
    }

    #[test]
    fn a_disabled_stanza_is_passed_over() {
        let text = "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n";
        assert_eq!(from_deb822(text), None);
    }

    #[test]
    fn one_line_style_with_options() {
        let text = "# deb http://old.example/debian trixie main\n\
                    deb-src http://src.example/debian trixie main\n\
                    deb http://security.example/debian-security trixie-security main\n\
                    deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian trixie main contrib\n";
        assert_eq!(
            from_list(text).as_deref(),
            Some("https://mirror.example/debian")
        );
    }

    #[test]
    fn ubuntu_is_no_debian() {
        let text = "deb http://archive.example/ubuntu noble main universe\n";
        assert_eq!(from_list(text), None);
    }

    #[test]
    fn rubbish_is_no_mirror() {
        for text in ["deb", "deb [", "deb [x", "deb http://a/debian", "\u{0}:\n"] {
            assert_eq!(from_list(text), None);
            assert_eq!(from_deb822(text), None);
        }
    }
}
