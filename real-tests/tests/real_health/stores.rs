//! Stores: full, read-only, and with a body that is not what was delivered.

use std::time::Duration;

use real_tests::Preparation;
use real_tests::small_disk::SmallDisk;
use rusqlite::Connection;

use crate::{Fault, healthy};

#[test]
fn a_full_disk_is_the_store_and_not_the_server() {
    let disk = SmallDisk::mount(128);
    let preparation = Preparation::new().inside(disk.path()).set("delivery", "low-water-mark", "\"16 MB\"");
    let installation = healthy(preparation);
    Fault::new(&installation, "disk of the databases full")
        .turns(("mbx1", "StoreMonitor", "DB01"), || disk.fill_up_to(4 << 20))
        .says(&["FreeSpace", "too little free space"])
        .and_blames(("cas1", "DeliveryMonitor", "DB01"), "StoreMonitor\\DB01 on mbx1")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| disk.empty());
}

#[test]
fn a_corrupted_body_is_found_by_reading_it() {
    let installation = healthy(Preparation::new());
    let store = installation.data().join("databases/DB01/mail.sqlite");
    assert!(store.exists(), "{}", store.display());
    let open = || {
        let connection = Connection::open(&store).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        connection
    };
    let bodies: Vec<(i64, Vec<u8>)> = {
        let connection = open();
        let mut select = connection.prepare("SELECT place, body FROM chunk").unwrap();
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    Fault::new(&installation, "bodies in a store corrupted")
        .turns(("mbx1", "PopDeepTestMonitor", "DB01"), || {
            open().execute("UPDATE chunk SET body = zeroblob(length(body))", []).unwrap();
        })
        .says(&["at retrieve"])
        .and_blames(("mbx1", "PopDeepTestMonitor", "DB01"), "StoreMonitor\\DB01 on mbx1")
        .while_healthy(("mbx2", "PopDeepTestMonitor", "DB02"))
        .heals(|| {
            let connection = open();
            for (place, body) in &bodies {
                connection.execute("UPDATE chunk SET body = ?2 WHERE place = ?1", (place, body)).unwrap();
            }
        });
}
