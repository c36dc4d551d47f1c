use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    file::{SCHEMAS, open_with},
    *,
};
use crate::{
    Administration, Credential, Fault, Hashing, Password, Retry, ScramKeys,
    administration::{AdministrationSettings, NewUser, Secret},
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn administration(path: &Path) -> Administration {
    let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false };
    Administration::open(path, settings).unwrap()
}

fn add(path: &Path, name: &str) -> User {
    let secret = Secret::Password(Password::new("secret"));
    let database = settings::Value::parse("DB01").unwrap();
    administration(path).add(&NewUser { name: name.parse().unwrap(), secret, database, quota: None }).unwrap()
}

fn user(path: &Path, name: &str) -> User {
    administration(path).show(&name.parse().unwrap()).unwrap()
}

/// Whose fault an error is, whether a retry helps, and what it says.
fn told<T>(result: Result<T, DirectoryError>) -> (Fault, Retry, String) {
    match result {
        Ok(_) => panic!("there should be no answer"),
        Err(error) => {
            let text = error.to_string();
            let DirectoryError::Unavailable { fault, retry, .. } = error;
            (fault, retry, text)
        }
    }
}

/// A question that a reader cannot answer before it is let go, as if its disk hung.
fn hang(
    directory: &SqliteDirectory,
) -> (tokio::task::JoinHandle<Result<(), DirectoryError>>, Receiver<()>, Sender<()>) {
    let (entered, has_entered) = channel();
    let (let_go, wait) = channel();
    let readers = directory.readers.clone();
    let question = tokio::spawn(async move {
        readers
            .ask("hang", move |_| {
                entered.send(()).unwrap();
                let _ = wait.recv();
                Ok(())
            })
            .await
    });
    (question, has_entered, let_go)
}

async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it never happened");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn users_and_aliases_are_found_and_others_are_not() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let anna = add(&path, "anna@example.com");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let find = async |name: &str| directory.find(&name.parse().unwrap()).await.unwrap();
    assert_eq!(find("anna@example.com").await, Some(anna.clone()));
    assert_eq!(find("info@example.com").await, None);
    let (name, alias) = (anna.name.clone(), "info@example.com".parse().unwrap());
    administration(&path).add_alias(&name, &alias).unwrap();
    assert_eq!(find("info@example.com").await.unwrap().aliases, [alias]);
    assert_eq!(find("anna@example.org").await, None);
}

#[tokio::test]
async fn an_unknown_name_always_meets_the_same_stand_in() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let stand_in = async |name: &str| match directory.candidate(&name.parse().unwrap()).await.unwrap() {
        Candidate::Known(user) => panic!("{user:?}"),
        Candidate::Unknown { stand_in } => stand_in,
    };
    assert_eq!(stand_in("nobody@example.com").await, None);
    let users: Vec<_> = (0..8).map(|number| add(&path, &format!("user{number}@example.com"))).collect();
    let mut met = vec![0; users.len()];
    for number in 0..400 {
        let name = format!("nobody{number}@example.com");
        let credential = stand_in(&name).await.unwrap();
        assert_eq!(stand_in(&name).await, Some(credential.clone()));
        met[users.iter().position(|user| user.credential == credential).unwrap()] += 1;
    }
    assert!(met.iter().filter(|count| **count > 0).count() > 3, "{met:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hung_disk_makes_the_directory_unavailable_and_hangs_nobody() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let name = add(&path, "anna@example.com").name;
    let settings = SqliteSettings { readers: 1, queue: 2, ..SqliteSettings::default() };
    let directory = SqliteDirectory::open(&path, &settings).unwrap();
    let (hung, has_entered, let_go) = hang(&directory);
    until(|| has_entered.try_recv().is_ok()).await;
    // Two wait behind the hung one; the third is turned away before any time has passed.
    let (one, two) = (directory.find(&name), directory.candidate(&name));
    let start = tokio::time::Instant::now();
    let (one, two, three) = tokio::join!(one, two, directory.find(&name));
    assert_eq!(
        told(three),
        (
            Fault::Overload,
            Retry::Soon,
            "the directory cannot look up a user: too many questions wait for it already".into()
        )
    );
    let late = "the directory cannot look up a user: there was no answer within 5s";
    assert_eq!(told(one), (Fault::Storage, Retry::Soon, late.into()));
    assert_eq!(told(two), (Fault::Storage, Retry::Soon, late.into()));
    assert_eq!(start.elapsed(), settings.patience);
    assert_eq!(told(hung.await.unwrap()).0, Fault::Storage);
    let_go.send(()).unwrap();
}

#[tokio::test]
async fn a_reader_goes_on_after_a_hang_and_after_a_panic() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let name = add(&path, "anna@example.com").name;
    let settings = SqliteSettings { readers: 1, ..SqliteSettings::default() };
    let directory = SqliteDirectory::open(&path, &settings).unwrap();
    let (hung, has_entered, let_go) = hang(&directory);
    until(|| has_entered.try_recv().is_ok()).await;
    let_go.send(()).unwrap();
    hung.await.unwrap().unwrap();
    let failed =
        directory.readers.ask("panic", |_| -> rusqlite::Result<()> { panic!("a test does this") }).await;
    assert_eq!(told(failed).0, Fault::Storage);
    assert!(directory.find(&name).await.unwrap().is_some());
}

#[tokio::test]
async fn an_upgrade_is_written_unless_the_password_has_changed() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let before = add(&path, "anna@example.com");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let better =
        || Credential::new(&Password::new("secret"), Hashing { memory: 16, ..Hashing::CHEAPEST }).unwrap();
    let keys = ScramKeys::derive(&Password::new("secret")).unwrap();
    let upgrade = |credential_version, credential: &Credential| Upgrade {
        mailbox: before.mailbox.clone(),
        credential_version,
        credential: Some(credential.clone()),
        scram: None,
    };
    let (stale, right) = (better(), better());
    directory.upgrade(upgrade(before.credential_version + 1, &stale));
    directory.upgrade(upgrade(before.credential_version, &right));
    directory.upgrade(Upgrade {
        credential: None,
        scram: keys.clone(),
        ..upgrade(before.credential_version, &stale)
    });
    until(|| user(&path, "anna@example.com").scram.is_some()).await;
    assert_eq!(user(&path, "anna@example.com"), User { credential: right, scram: keys, ..before });
}

#[test]
fn a_directory_that_may_not_write_takes_no_upgrades() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let settings = SqliteSettings { upgrades: false, ..SqliteSettings::default() };
    assert!(!SqliteDirectory::open(&path, &settings).unwrap().takes_upgrades());
}

#[test]
fn only_the_owner_can_read_the_files() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let _open = administration(&path);
    add(&path, "anna@example.com");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.len() > 1, "{names:?}");
    for name in names {
        assert_eq!(fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o600, "{}", name.display());
    }
}

#[test]
fn a_new_file_can_be_opened_by_many_at_once() {
    for _ in 0..10 {
        let folder = folder();
        let path = folder.path().join("directory.sqlite");
        let secrets: Vec<_> = thread::scope(|scope| {
            let openers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap()))
                .collect();
            openers
                .into_iter()
                .map(|opener| *opener.join().unwrap().secret.as_bytes().first_chunk::<32>().unwrap())
                .collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]), "all have the same secret");
        assert_ne!(secrets[0], [0; 32]);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    add(&path, "anna@example.com");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(&path).unwrap();
    let (fault, retry, text) = told(SqliteDirectory::open(&path, &SqliteSettings::default()));
    assert_eq!((fault, retry), (Fault::Installation, Retry::AfterRepair));
    assert!(
        text.ends_with("its schema is 7 and this program knows 2: it was written by a newer version"),
        "{text}"
    );
    assert_eq!(fs::read(&path).unwrap(), before, "it is left as it was");
}

#[test]
fn an_older_schema_is_upgraded_step_by_step() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    add(&path, "anna@example.com");
    let mut schemas = vec!["this step has been done: it would fail"; SCHEMAS.len()];
    schemas.extend(["CREATE TABLE second (id INTEGER)", "CREATE TABLE third AS SELECT id FROM second"]);
    for _ in 0..2 {
        let connection = open_with(&path, &schemas).unwrap();
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 4);
        let users: i32 =
            connection.query_row("SELECT count(*) FROM users, third", [], |row| row.get(0)).unwrap();
        assert_eq!(users, 0);
    }
}

#[tokio::test]
async fn a_file_of_the_first_schema_keeps_its_users_and_takes_moves() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let anna = add(&folder.path().join("another.sqlite"), "anna@example.com");
    open_with(&path, &SCHEMAS[..1])
        .unwrap()
        .execute_batch(&format!(
            "INSERT INTO users VALUES (1, 'anna@example.com', '{}', 'DB01', NULL, TRUE, '{}', 1, NULL, {}, {});
             INSERT INTO addresses VALUES ('anna@example.com', 1);",
            anna.mailbox,
            anna.credential.expose(),
            anna.created,
            anna.changed,
        ))
        .unwrap();
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    assert_eq!(directory.find(&anna.name).await.unwrap(), Some(anna.clone()));
    let target = settings::Value::parse("DB02").unwrap();
    let moving = administration(&path).begin_move(&anna.name, &target, Duration::from_mins(2)).unwrap();
    let moved = directory.find(&anna.name).await.unwrap();
    assert_eq!(moved, Some(User { moving: Some(moving), ..anna }));
}

#[test]
fn an_upgrade_of_the_schema_that_fails_leaves_the_file_as_it_was() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let anna = add(&path, "anna@example.com");
    let schemas = ["done", "done", "DROP TABLE users", "this is not SQL"];
    assert_eq!(told(open_with(&path, &schemas)).0, Fault::Installation);
    assert_eq!(user(&path, "anna@example.com"), anna);
}

#[test]
fn what_is_no_directory_is_refused() {
    let folder = folder();
    let foreign = folder.path().join("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mail (id INTEGER)").unwrap();
    let (fault, _, text) = told(open(&foreign));
    assert_eq!(fault, Fault::Installation);
    assert!(text.ends_with("it is a database of another program"), "{text}");

    let garbage = folder.path().join("garbage.sqlite");
    fs::write(&garbage, [0x2A; 4096]).unwrap();
    assert_eq!(told(open(&garbage)).0, Fault::Installation);
    assert_eq!(fs::read(&garbage).unwrap(), [0x2A; 4096]);

    let missing = folder.path().join("no such folder").join("directory.sqlite");
    assert_eq!(told(open(&missing)).0, Fault::Installation);
}

#[tokio::test]
async fn a_damaged_row_is_an_error_that_shows_no_secret() {
    let folder = folder();
    let path = folder.path().join("directory.sqlite");
    let anna = add(&path, "anna@example.com");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let damage = "UPDATE users SET credential = '{hunter2}hunter2'";
    Connection::open(&path).unwrap().execute_batch(damage).unwrap();
    let error = directory.find(&anna.name).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(told::<()>(Err(error)).0, Fault::Installation);
}
