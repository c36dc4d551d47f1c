//! What operators ask for that cannot be: the answer says why and what else, and nothing changes.

use real_tests::{Installation, Preparation};

use crate::view::{DATABASES, mounted_on};

#[test]
fn what_makes_no_sense_is_refused_with_what_was_likely_meant() {
    let installation = Preparation::new().start();
    let refused = |command: &str, with: i32, because: &str| {
        let said = installation.command(command.split(' ')).failed_with(with);
        assert!(said.contains(because), "{command}: {said}");
    };
    refused("database move DB1 --to mbx2", 2, "did you mean DB01?");
    refused("database move DB01 --to mbx3", 2, "did you mean mbx");
    refused("database move --from mbx3", 2, "did you mean mbx");
    refused("server drain mbx9", 2, "did you mean mbx");
    refused("server allow mbx9", 2, "did you mean mbx");
    refused("server restart cas2", 2, "did you mean cas1?");
    refused("database move", 2, "required");
    refused("database move DB01 --from mbx1", 2, "cannot be used with");
    refused("database move DB01 --to cas1", 2, "cas1: it has no copy");

    installation.command(["server", "drain", "mbx2"]).succeeded();
    refused("database move DB01 --to mbx2", 1, "activation is blocked by");
    refused("server drain mbx1", 1, "can go nowhere");
    refused("server restart mbx1", 1, "mbx1 is the last available mailbox server");
    refused("server restart cas1", 1, "cas1 is the last available client-access server");
    installation.command(["database", "move", "DB01", "--to", "mbx2", "--force"]).succeeded();
    assert_eq!(places(&installation), ["mbx2", "mbx1"]);
}

fn places(installation: &Installation) -> [String; 2] {
    DATABASES.map(|database| mounted_on(installation, database).unwrap())
}
