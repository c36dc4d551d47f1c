//! The tokens that let people and programs in over the network.
//!
//! A file with a line for each: a name, a role, and the SHA-256 of the token in hexadecimal. The token itself is nowhere.
//! The file is read at every use, so that a line taken out is out at once. Lines that begin with `#` are remarks.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use admin_api::{Caller, Kind, Problem, Role};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whom `token` lets in, by the file at `path`.
pub(super) fn caller(path: &Path, token: &str) -> Result<Caller, Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "the tokens cannot be read");
            return Err(Problem::new(Kind::Unavailable, "tokens cannot be checked at this moment"));
        }
    };
    find(&text, token)
        .ok_or_else(|| Problem::new(Kind::Unauthenticated, "this token is not one of those that let in"))
}

fn find(text: &str, token: &str) -> Option<Caller> {
    let shown = hex(&Sha256::digest(token.as_bytes()));
    let mut found = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, role, digest] = words[..] else {
            tracing::warn!("a line of the token file is not a name, a role and a digest");
            continue;
        };
        let Some(role) = Role::named(role) else {
            tracing::warn!(name, role, "the token file has an unknown role");
            continue;
        };
        // All lines are compared, so that the time tells nothing about which is right.
        if bool::from(digest.to_ascii_lowercase().as_bytes().ct_eq(shown.as_bytes())) {
            found = Some(Caller { name: name.to_owned(), role });
        }
    }
    found
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf secret | sha256sum`
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_token_lets_in_whoever_its_line_names() {
        let text = format!("# people\n\nann operator {SECRET}\nbob viewer {}\n", "0".repeat(64));
        assert_eq!(find(&text, "secret"), Some(Caller { name: "ann".into(), role: Role::Operator }));
        assert_eq!(find(&text, "Secret"), None);
        assert_eq!(find(&text, ""), None);
    }

    #[test]
    fn a_broken_line_lets_nobody_in_and_hides_no_other() {
        let text = format!("ann {SECRET}\nann emperor {SECRET}\nbob viewer {SECRET}\n");
        assert_eq!(find(&text, "secret"), Some(Caller { name: "bob".into(), role: Role::Viewer }));
    }

    #[test]
    fn without_a_file_nobody_is_let_in() {
        let problem = caller(Path::new("/nonexistent/tokens"), "secret").unwrap_err();
        assert_eq!(problem.kind, Kind::Unauthenticated);
    }
}
