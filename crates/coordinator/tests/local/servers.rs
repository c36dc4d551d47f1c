//! Servers that start, end and start again.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use coordinator::local::{LocalClient, ServeError, Server, StorageError};
use coordinator::{Change, Coordinator, CoordinatorError, Prefix, WatchEvent};
use tempfile::TempDir;

use crate::fixture::{DEADLINE, block_on, change, client, key, put, server, socket};

#[test]
fn a_store_is_as_it_was_after_a_restart() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let running = server(home.path()).serve().unwrap();
        let client = client(home.path());
        let epoch = client.epoch().await.unwrap();
        let first = change(&client, vec![put("a", "one"), put("b", vec![0; 60_000])]).await.unwrap().revision;
        change(&client, vec![Change::Delete(key("b")), put("a", "two")]).await.unwrap();
        let before = client.read(&Prefix::everything()).await.unwrap();
        running.shut_down().await;
        let away = client.epoch().await;
        assert!(matches!(away, Err(CoordinatorError::Unavailable { .. })), "{away:?}");

        let mut later = server(home.path());
        later.born += 1000;
        let _running = later.serve().unwrap();
        assert_eq!(client.epoch().await.unwrap(), epoch);
        assert_eq!(client.read(&Prefix::everything()).await.unwrap(), before);
        // History survives, too.
        let mut watch = client.watch(&Prefix::everything(), first).await.unwrap();
        let told = watch.next().await.unwrap();
        assert_eq!(told.len(), 2);
        assert!(matches!(&told[0], WatchEvent::Deleted { key, .. } if key.as_str() == "b"));
        assert!(matches!(&told[1], WatchEvent::Put(entry) if entry.value == "two" && entry.created == first));
    });
}

#[test]
fn a_store_made_anew_has_the_epoch_of_its_birth() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let mut first = server(home.path());
        first.born = 1_000;
        let running = first.serve().unwrap();
        let client = client(home.path());
        assert_eq!(client.epoch().await.unwrap(), 1_000);
        let lease = client.grant(Duration::from_mins(1)).await.unwrap();
        running.shut_down().await;
        std::fs::remove_dir_all(home.path().join("store")).unwrap();
        let mut second = server(home.path());
        second.born = 1_001;
        let _running = second.serve().unwrap();
        assert_eq!(client.epoch().await.unwrap(), 1_001);
        // A lease of the lost store is not taken for one of the new.
        client.grant(Duration::from_mins(1)).await.unwrap();
        assert!(matches!(client.keep_alive(lease.id).await, Err(CoordinatorError::LeaseGone)));
    });
}

#[test]
fn leases_have_their_full_time_again_after_a_restart() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let running = server(home.path()).serve().unwrap();
        let client = client(home.path());
        let lease = client.grant(Duration::from_mins(2)).await.unwrap();
        let ended = client.grant(Duration::from_mins(2)).await.unwrap();
        client.revoke(ended.id).await.unwrap();
        let held = Change::Put { key: key("a"), value: "held".into(), lease: Some(lease.id) };
        change(&client, vec![held]).await.unwrap();
        running.shut_down().await;
        let _running = server(home.path()).serve().unwrap();
        assert_eq!(client.keep_alive(lease.id).await.unwrap(), Duration::from_mins(2));
        assert!(matches!(client.keep_alive(ended.id).await, Err(CoordinatorError::LeaseGone)));
        client.revoke(lease.id).await.unwrap();
        assert!(client.read(&Prefix::everything()).await.unwrap().entries.is_empty());
    });
}

#[test]
fn a_second_server_of_a_store_is_refused() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let running = server(home.path()).serve().unwrap();
        let second = Server::new(home.path().join("store"), home.path().join("other.socket")).serve();
        assert!(matches!(second, Err(ServeError::Storage(StorageError::InUse { .. }))), "{second:?}");
        client(home.path()).epoch().await.unwrap();
        running.shut_down().await;
        let _running = server(home.path()).serve().unwrap();
    });
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    block_on(async {
        let home = TempDir::new().unwrap();
        std::fs::create_dir(home.path().join("store")).unwrap();
        let file = home.path().join("store/coordinator.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch("CREATE TABLE other (x); INSERT INTO other VALUES (1)").unwrap();
        drop(connection);
        let refused = server(home.path()).serve();
        assert!(matches!(refused, Err(ServeError::Storage(StorageError::NotOurs { .. }))), "{refused:?}");
    });
}

#[test]
fn only_the_user_may_use_the_socket_however_deep_it_lies() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let deep = home.path().join("d".repeat(100)).join("e".repeat(100));
        let socket = deep.join("coordinator.socket");
        let _running = Server::new(deep.join("store"), &socket).serve().unwrap();
        LocalClient::new(&socket, DEADLINE).epoch().await.unwrap();
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let file = deep.join("store/coordinator.sqlite");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    });
}

#[test]
fn a_full_store_refuses_growth_and_takes_less() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let mut small = server(home.path());
        small.octets = 100_000;
        let _running = small.serve().unwrap();
        let client = client(home.path());
        change(&client, vec![put("a", vec![0; 60_000])]).await.unwrap();
        let refused = change(&client, vec![put("b", vec![0; 60_000])]).await;
        assert!(matches!(refused, Err(CoordinatorError::Refused { .. })), "{refused:?}");
        change(&client, vec![put("a", vec![0; 30_000])]).await.unwrap();
        change(&client, vec![put("b", vec![0; 60_000])]).await.unwrap();
    });
}

#[test]
fn a_client_that_speaks_something_else_is_let_go_and_harms_nobody() {
    use std::io::{Read, Write};
    block_on(async {
        let home = TempDir::new().unwrap();
        let _running = server(home.path()).serve().unwrap();
        client(home.path()).epoch().await.unwrap();
        for garbage in ["GET / HTTP/1.1\r\n\r\n", "{}\n", "{\"id\":1,\"ask\":{\"read\":\"a//\"}}\n"] {
            let mut stream = std::os::unix::net::UnixStream::connect(socket(home.path())).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(garbage.as_bytes()).unwrap();
            let ended = tokio::task::spawn_blocking(move || stream.read(&mut [0; 100])).await.unwrap();
            assert!(matches!(ended, Ok(0) | Err(_)), "{garbage:?} was answered");
            assert!(!matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock));
        }
        client(home.path()).epoch().await.unwrap();
    });
}
