use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Fetches by number; deletes in a second session.
pub(crate) struct Curl;

impl Client for Curl {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        let curl = |options: &[&str]| {
            let mut curl = errand.home.command("curl", "curl");
            curl.args(["--silent", "--show-error", "--fail-early", "--cacert", "ca.pem"]);
            curl.arg("--user").arg(format!("{USER}:{}", errand.password));
            curl.args(errand.by_door("", "--ssl-reqd", "").split_terminator(' ')).args(options);
            let scheme = errand.by_door("pop3", "pop3", "pop3s");
            run(curl.arg(format!("{scheme}://{}/[1-{}]", errand.server, errand.count)), b"")
        };
        let fetched = curl(&["--output", &format!("{}/#1", errand.inbox)]);
        if !errand.delete || fetched.code != 0 {
            return fetched;
        }
        // With --list-only no body is expected.
        curl(&["--list-only", "--request", "DELE"])
    }

    fn refusal(&self) -> (i32, &str) {
        (67, "Login denied")
    }

    fn keeps_line_ends(&self) -> bool {
        true
    }
}
