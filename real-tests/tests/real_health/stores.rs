//! Stores: full, read-only, and with a body that is not what was delivered.

use std::time::Duration;

use real_tests::small_disk::{BlockDisk, SmallDisk};
use real_tests::{Installation, Preparation};
use rusqlite::Connection;

use crate::{Fault, healthy, healthy_from};

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

/// One whose databases are on a disk of their own.
fn healthy_on_a_disk() -> (Installation, BlockDisk) {
    let preparation = Preparation::new().set("init", "restart-services", "false");
    let installation = preparation.set("delivery", "low-water-mark", "\"16 MB\"").write();
    installation.command(["run", "prepare"]).succeeded();
    let disk = BlockDisk::mount(&installation.data().join("databases"));
    (healthy_from(installation), disk)
}

#[test]
fn a_disk_that_stands_still_is_the_store_and_not_the_server() {
    let (installation, disk) = healthy_on_a_disk();
    Fault::new(&installation, "disk of the databases stands still")
        .turns(("mbx1", "StoreMonitor", "DB01"), || disk.stand_still())
        .says(&["at write"])
        .and_blames(("cas1", "DeliveryMonitor", "DB01"), "StoreMonitor\\DB01 on mbx1")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| disk.go_on());
    // Before the folder in which it is mounted goes.
    drop(disk);
}

#[test]
fn a_disk_that_lets_nobody_write_is_found_and_its_databases_do_not_wander_for_ever() {
    let (installation, disk) = healthy_on_a_disk();
    Fault::new(&installation, "file system of the databases read-only")
        // Its own server cannot write there, and the other cannot mount it.
        .turns(("mbx2", "DatabaseMountedMonitor", "DB01"), || disk.break_down())
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .stays();
    // Two databases on two servers, each tried there once in a minute.
    std::thread::sleep(Duration::from_secs(10));
    let failures = |server: &str| {
        let log = installation.data().join("servers").join(server).join("backend.log");
        std::fs::read_to_string(log).unwrap().matches("a database is not served here").count()
    };
    let failures = failures("mbx1") + failures("mbx2");
    assert!((2..=8).contains(&failures), "{failures}");
    drop(disk);
}
