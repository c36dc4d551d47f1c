//! Which server, and as whom.

/// What a URL says: `pop3s://user1@example.com@mail.example.com:995`. The last `@` ends the user, whose name may have one;
/// `%40` stands for one as well (RFC 2384).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) scheme: Scheme,
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: u16,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// STLS.
    Pop3,
    /// TLS from the first octet.
    Pop3s,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Pop3 => 110,
            Self::Pop3s => 995,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }
}

impl Place {
    /// Reads a URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("write pop3s://[USER@]HOST[:PORT]")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "pop3s" | "pops" => Scheme::Pop3s,
            "pop3" | "pop" => Scheme::Pop3,
            other => return Err(format!("{other}:// is no POP3: write pop3s:// or pop3://")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', ' ']) {
            return Err("nothing may follow the port: it is a server that is tested".to_owned());
        }
        let (user, server) = match rest.rsplit_once('@') {
            Some((user, server)) => (Some(decode(user)?), server),
            None => (None, rest),
        };
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err(
                "a password in a URL can be read by every user of this machine: leave it out to be asked"
                    .into(),
            );
        }
        let (host, port) = host_and_port(server)?;
        let user = user.filter(|user| !user.is_empty());
        Ok(Self { scheme, user, host, port: port.unwrap_or(scheme.port()) })
    }
}

fn host_and_port(server: &str) -> Result<(String, Option<u16>), String> {
    let port = |text: &str| {
        text.parse().ok().filter(|port| *port != 0).ok_or_else(|| format!("{text:?} is no port"))
    };
    if let Some(rest) = server.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the address in brackets has no end")?;
        return match after.strip_prefix(':') {
            Some(text) => Ok((host.to_owned(), Some(port(text)?))),
            None if after.is_empty() => Ok((host.to_owned(), None)),
            None => Err(format!("{after:?} follows the address; write [ADDRESS]:PORT")),
        };
    }
    let (host, port) = match server.rsplit_once(':') {
        Some((host, text)) if !host.contains(':') => (host, Some(port(text)?)),
        Some(_) => return Err("write an IPv6 address in brackets: [2001:db8::1]:995".to_owned()),
        None => (server, None),
    };
    if host.is_empty() { Err("the host is missing".to_owned()) } else { Ok((host.to_owned(), port)) }
}

/// Undoes `%40` and the like (RFC 3986 section 2.1).
fn decode(text: &str) -> Result<String, String> {
    let (mut octets, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.ok_or_else(|| format!("{text:?}: two hexadecimal digits follow a %"))?);
        rest = &after[2..];
    }
    String::from_utf8(octets).map_err(|_| format!("{text:?} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(scheme: Scheme, user: Option<&str>, host: &str, port: u16) -> Place {
        Place { scheme, user: user.map(str::to_owned), host: host.to_owned(), port }
    }

    #[test]
    fn the_user_may_have_an_at_and_the_port_may_be_missing() {
        for (text, wanted) in [
            (
                "pop3s://a@example.com@localhost:10995",
                place(Scheme::Pop3s, Some("a@example.com"), "localhost", 10995),
            ),
            (
                "pop3s://a%40example.com@localhost",
                place(Scheme::Pop3s, Some("a@example.com"), "localhost", 995),
            ),
            ("POP3://mail.example.com/", place(Scheme::Pop3, None, "mail.example.com", 110)),
            ("pop3://a@[::1]:11", place(Scheme::Pop3, Some("a"), "::1", 11)),
            ("pop3://[::1]", place(Scheme::Pop3, None, "::1", 110)),
        ] {
            assert_eq!(Place::parse(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_write() {
        for (text, words) in [
            ("mail.example.com", "write pop3s://"),
            ("imap://mail.example.com", "is no POP3"),
            ("pop3s://a:secret@mail.example.com", "a password in a URL"),
            ("pop3s://", "the host is missing"),
            ("pop3s://mail.example.com:pop", "is no port"),
            ("pop3s://mail.example.com:0", "is no port"),
            ("pop3s://::1", "in brackets"),
            ("pop3s://[::1", "no end"),
            ("pop3s://[::1]x", "follows the address"),
            ("pop3s://host/inbox", "nothing may follow"),
            ("pop3s://a%4@host", "hexadecimal"),
        ] {
            let error = Place::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
