use real_tests::program::{Ran, run};

use crate::{Client, Errand, USER};

/// Python's module, as scripts use it.
pub(crate) struct Poplib;

const SCRIPT: &str = "\
import poplib, ssl, sys
host, port, door, user, password, delete, inbox = sys.argv[1:]
trust = ssl.create_default_context(cafile='ca.pem')
if door == 'tls':
    pop = poplib.POP3_SSL(host, int(port), timeout=60, context=trust)
else:
    pop = poplib.POP3(host, int(port), timeout=60)
if door == 'stls':
    pop.stls(trust)
try:
    pop.user(user)
    pop.pass_(password)
except poplib.error_proto as error:
    print(error)
    sys.exit(3)
count, octets = pop.stat()
assert octets == sum(int(line.split()[1]) for line in pop.list()[1])
assert len(set(line.split()[1] for line in pop.uidl()[1])) == count
for number in range(1, count + 1):
    response, lines, length = pop.retr(number)
    assert length == int(pop.list(number).split()[2])
    header = pop.top(number, 0)[1]
    assert header == lines[:lines.index(b'') + 1], header
    with open(f'{inbox}/{number}', 'wb') as file:
        file.write(b''.join(line + b'\\r\\n' for line in lines))
    if delete == 'delete':
        pop.dele(number)
pop.quit()
";

impl Client for Poplib {
    fn run(&self, errand: &Errand<'_>) -> Ran {
        errand.home.file("fetch.py", SCRIPT);
        let mut python = errand.home.command("python3", "python3");
        python.arg("fetch.py").arg(errand.server.ip().to_string()).arg(errand.server.port().to_string());
        python.args([errand.by_door("plain", "stls", "tls"), USER, errand.password]);
        run(python.args([if errand.delete { "delete" } else { "keep" }, errand.inbox]), b"")
    }

    fn refusal(&self) -> (i32, &str) {
        (3, "-ERR [AUTH] Wrong user name or password")
    }

    fn keeps_line_ends(&self) -> bool {
        true
    }
}
