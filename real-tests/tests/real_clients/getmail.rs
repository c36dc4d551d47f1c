use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Files into a Maildir, and remembers UIDLs. Knows no STLS.
pub(crate) struct Getmail;

impl Client for Getmail {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let home = errand.home;
        home.maildir(errand.inbox);
        let ca = format!("ca_certs = {}", home.text("ca.pem"));
        let rc = format!(
            "[retriever]\ntype = {}\nserver = {}\nport = {}\nusername = {USER}\npassword = {}\n{}\n\
             [destination]\ntype = Maildir\npath = {}/\n\
             [options]\ndelete = {}\nread_all = false\ndelivered_to = false\nreceived = false\n",
            errand.by_door("SimplePOP3Retriever", "", "SimplePOP3SSLRetriever"),
            errand.server.ip(),
            errand.server.port(),
            errand.password,
            errand.by_door("", "", &ca),
            home.text(errand.inbox),
            errand.delete,
        );
        home.file("getmailrc", &rc);
        let mut getmail = home.command("getmail", "getmail6");
        run(getmail.arg("--getmaildir").arg(home.path("")).arg("--rcfile=getmailrc"), b"")
    }

    fn refusal(&self) -> (i32, &str) {
        (127, "[AUTH] Wrong user name or password")
    }
}
