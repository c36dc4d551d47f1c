use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Opens the maildrop as a folder. Looks for the server's name in its certificate, never for its address, and so cannot
/// verify a server that was given by address.
pub(crate) struct SNail;

impl Client for SNail {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let home = errand.home;
        let mut snail = home.command("s-nail", "s-nail");
        snail.args(["-n", "-#", "-S", "v15-compat", "-S", "tls-verify=ignore"]).env("MAILRC", "/dev/null");
        snail.args(errand.by_door("", "-S pop3-use-starttls", "").split_terminator(' '));
        let scheme = errand.by_door("pop3", "pop3", "pop3s");
        snail.arg("-f").arg(format!("{scheme}://{USER}:{}@{}", errand.password, errand.server));
        let end = if errand.delete { "delete *\nquit\n" } else { "exit\n" };
        run(&mut snail, format!("copy * maildir://{}/mail\n{end}", home.text(errand.inbox)).as_bytes())
    }

    fn refusal(&self) -> (i32, &str) {
        (0, "POP3 error: -ERR [AUTH] Wrong user name or password")
    }
}
