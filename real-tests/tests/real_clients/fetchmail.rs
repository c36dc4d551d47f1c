use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Hands every message to a program. Remembers UIDLs in a file.
pub(crate) struct Fetchmail;

impl Client for Fetchmail {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let home = errand.home;
        let agent = format!("#!/bin/sh\nexec cat > \"$(mktemp {}/XXXXXX)\"\n", home.text(errand.inbox));
        home.script("deliver", &agent);
        let verified = format!("sslcertck sslcertfile \"{}\" sslcommonname localhost", home.text("ca.pem"));
        let tls = errand.by_door("sslproto \"\"", "sslproto \"TLS1.2+\"", "ssl");
        let rc = format!(
            "set invisible\n\
             poll {} service {} proto pop3 timeout 60 uidl auth password\n  \
             user \"{USER}\" password \"{}\" {} no rewrite {tls} {} mda \"{}\"\n",
            errand.server.ip(),
            errand.server.port(),
            errand.password,
            if errand.delete { "no keep" } else { "keep" },
            errand.by_door("", &verified, &verified),
            home.text("deliver"),
        );
        home.file("fetchmailrc", &rc);
        let mut fetchmail = home.command("fetchmail", "fetchmail");
        run(fetchmail.args(["-f", "fetchmailrc", "-i", "ids", "--pidfile", "pid"]), b"")
    }

    fn refusal(&self) -> (i32, &str) {
        (3, "Authorization failure")
    }

    fn nothing_new(&self) -> i32 {
        1
    }
}
