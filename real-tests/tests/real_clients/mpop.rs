use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Files into a Maildir, remembers UIDLs, and pipelines.
pub(crate) struct Mpop;

impl Client for Mpop {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let home = errand.home;
        home.maildir(errand.inbox);
        let tls = format!("tls on\ntls_starttls on\ntls_trust_file {}", home.text("ca.pem"));
        let rc = format!(
            "account default\nhost {}\nport {}\nuser {USER}\npassword {}\nauth user\n{}\n\
             pipelining on\nreceived_header off\nkeep {}\nuidls_file {}\ndelivery maildir {}\n",
            errand.server.ip(),
            errand.server.port(),
            errand.password,
            errand.by_door("tls off", &tls, &tls.replace("starttls on", "starttls off")),
            if errand.delete { "off" } else { "on" },
            home.text("uidls"),
            home.text(errand.inbox),
        );
        home.file("mpoprc", &rc);
        run(home.command("mpop", "mpop").args(["--quiet", "--file=mpoprc"]), b"")
    }

    fn refusal(&self) -> (i32, &str) {
        (77, "authentication failed")
    }
}
