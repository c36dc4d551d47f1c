use std::fs;

use real_tests::program::{Ran, debian, run};

use crate::{Client, Errand, USER};

/// Fetches into a Maildir when told so by keys, on a terminal. Tells of failures only there and in its own log.
pub(crate) struct Mutt;

impl Client for Mutt {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let home = errand.home;
        home.maildir(errand.inbox);
        let yes_or_no = |is: bool| if is { "yes" } else { "no" };
        let rc = format!(
            "set pop_host=\"{}://{USER}@{}\"\nset pop_pass=\"{}\"\nset pop_delete={}\nset pop_last=no\n\
             set ssl_starttls={}\nset ssl_force_tls={}\nset ssl_ca_certificates_file={}\nset certificate_file={}\n\
             set spoolfile={inbox}\nset folder={inbox}\nset mbox_type=Maildir\nset move=no\nset quit=yes\n\
             set sleep_time=0\npush \"<fetch-mail><sync-mailbox><quit>\"\n",
            errand.by_door("pop", "pop", "pops"),
            errand.server,
            errand.password,
            yes_or_no(errand.delete),
            errand.by_door("no", "yes", "no"),
            errand.by_door("no", "yes", "yes"),
            home.text("ca.pem"),
            home.text("known"),
            inbox = home.text(errand.inbox),
        );
        home.file("muttrc", &rc);
        debian("mutt", "mutt");
        let mutt = format!("mutt -d 2 -n -F muttrc -f {}", home.text(errand.inbox));
        let mut terminal = home.command("script", "bsdutils");
        let mut ran = run(terminal.args(["--quiet", "--return", "--command", &mutt, "/dev/null"]), b"");
        ran.errors = fs::read_to_string(home.path(".muttdebug0")).unwrap();
        ran
    }

    fn refusal(&self) -> (i32, &str) {
        (0, "Login failed. PASS: [AUTH] Wrong user name or password")
    }
}
