//! What the operator does to the directory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use directory::{
    Administration, Credential, Hashing, Name, Password, PasswordError, Realm, User,
    administration::{
        AdministrationError, AdministrationSettings, BadLine, BulkDefaults, NewUser, Removed, Secret,
    },
};
use proptest::prelude::*;
use settings::{DatabaseName, SizeLimit, Value as _};

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    administration: Administration,
}

impl Place {
    fn new() -> Self {
        Self::with(false)
    }

    fn with(scram: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.sqlite");
        let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram };
        let administration = Administration::open(&path, settings).unwrap();
        Self { _folder: folder, path, administration }
    }

    fn add(&mut self, text: &str) -> User {
        self.add_to(text, "DB01")
    }

    fn add_to(&mut self, text: &str, name_of_database: &str) -> User {
        let secret = Secret::Password(Password::new("secret"));
        let database = database(name_of_database);
        self.administration.add(&NewUser { name: name(text), secret, database, quota: None }).unwrap()
    }

    fn add_in_bulk(&mut self, text: &str) -> Result<usize, AdministrationError> {
        let realm = Realm::parse("example.com").unwrap();
        let databases = [database("DB01"), database("DB02")];
        let defaults = BulkDefaults { realm: &realm, databases: &databases, routes: &[] };
        self.administration.add_in_bulk(text.as_bytes(), &defaults)
    }

    fn bad_lines(&mut self, text: &str) -> Vec<(usize, String)> {
        match self.add_in_bulk(text) {
            Err(AdministrationError::Lines(bad)) => {
                bad.into_iter().map(|BadLine { number, reason }| (number, reason)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn show(&self, text: &str) -> User {
        self.administration.show(&name(text)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.administration.list().unwrap().into_iter().map(|user| user.name.to_string()).collect()
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn database(text: &str) -> DatabaseName {
    DatabaseName::parse(text).unwrap()
}

fn quota(text: &str) -> SizeLimit {
    SizeLimit::parse(text).unwrap()
}

#[test]
fn a_new_user_has_a_mailbox_of_their_own_and_a_hashed_password() {
    let mut place = Place::new();
    let anna = place.add("Anna@example.com");
    let otto = place.add("otto@example.com");
    assert_eq!(anna.name, name("anna@example.com"));
    assert_eq!(anna.mailbox.len(), 32);
    assert!(anna.mailbox.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    assert_ne!(anna.mailbox, otto.mailbox);
    assert_eq!((anna.enabled, anna.credential_version, anna.quota), (true, 1, None));
    assert_eq!(anna.credential.scheme(), "ARGON2ID");
    assert!(anna.credential.verify(&Password::new("secret")));
    assert_eq!(anna.scram, None, "SCRAM is off");
    assert_eq!(anna.created, anna.changed);
    assert!(anna.created > 1_700_000_000);
    assert_eq!(place.show("anna@example.com"), anna);
    assert_eq!(place.names(), ["anna@example.com", "otto@example.com"]);
}

#[test]
fn scram_keys_are_stored_only_if_scram_is_on() {
    let mut place = Place::with(true);
    assert!(place.add("anna@example.com").scram.is_some());
    let before = place.show("anna@example.com").scram;
    let new = Secret::Password(Password::new("new"));
    place.administration.set_password(&name("anna@example.com"), &new).unwrap();
    assert_ne!(place.show("anna@example.com").scram, before);
    assert!(place.show("anna@example.com").scram.is_some());
    let off = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false };
    let mut off = Administration::open(&place.path, off).unwrap();
    off.set_password(&name("anna@example.com"), &new).unwrap();
    assert_eq!(place.show("anna@example.com").scram, None, "keys of the old password are gone");
}

#[test]
fn a_name_belongs_to_one_user_be_it_as_an_alias() {
    let mut place = Place::new();
    place.add("anna@example.com");
    place.add("otto@example.com");
    let (anna, otto, info) = (name("anna@example.com"), name("otto@example.com"), name("info@example.com"));
    place.administration.add_alias(&anna, &info).unwrap();
    let secret = Secret::Password(Password::new("secret"));
    let user = |name: &Name| NewUser {
        name: name.clone(),
        secret: secret.clone(),
        database: database("DB01"),
        quota: None,
    };

    let mut told = Vec::new();
    told.extend(place.administration.add(&user(&anna)).err().map(|error| error.to_string()));
    told.extend(place.administration.add(&user(&info)).err().map(|error| error.to_string()));
    told.extend(place.administration.add_alias(&otto, &info).err().map(|error| error.to_string()));
    told.extend(place.administration.add_alias(&anna, &info).err().map(|error| error.to_string()));
    told.extend(place.administration.add_alias(&anna, &otto).err().map(|error| error.to_string()));
    told.extend(place.administration.set_enabled(&info, false).err().map(|error| error.to_string()));
    assert_eq!(
        told,
        [
            "there is a user anna@example.com already",
            "info@example.com is an alias of anna@example.com",
            "info@example.com is an alias of anna@example.com",
            "info@example.com is an alias of anna@example.com",
            "there is a user otto@example.com already",
            "info@example.com is an alias of anna@example.com",
        ]
    );
    assert_eq!(place.show("info@example.com").name, anna);

    place.administration.remove_alias(&anna, &info).unwrap();
    assert!(matches!(
        place.administration.remove_alias(&anna, &info),
        Err(AdministrationError::NoSuchAlias { .. })
    ));
    // A user's own name is no alias that could be taken away.
    assert!(place.administration.remove_alias(&anna, &anna).is_err());
    place.administration.add_alias(&otto, &info).unwrap();
    assert_eq!(place.show("info@example.com").name, otto);
}

#[test]
fn changes_change_what_they_say_and_nothing_else() {
    let mut place = Place::new();
    let before = place.add("anna@example.com");
    let anna = before.name.clone();
    place.administration.set_enabled(&anna, false).unwrap();
    place.administration.set_quota(&anna, Some(quota("10 MB"))).unwrap();
    place.administration.set_database(&anna, &database("DB02")).unwrap();
    for alias in ["b@example.com", "a@example.com"] {
        place.administration.add_alias(&anna, &name(alias)).unwrap();
    }
    let after = place.show("anna@example.com");
    let expected = User {
        enabled: false,
        quota: Some(quota("10 MB")),
        database: database("DB02"),
        aliases: vec![name("a@example.com"), name("b@example.com")],
        changed: after.changed,
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert!(after.changed >= before.changed);
    place.administration.set_quota(&anna, Some(quota("unlimited"))).unwrap();
    assert_eq!(place.show("anna@example.com").quota, Some(SizeLimit::Unlimited));
    place.administration.set_quota(&anna, None).unwrap();
    place.administration.set_enabled(&anna, true).unwrap();
    assert_eq!(place.show("anna@example.com"), User { quota: None, enabled: true, ..expected });
}

#[test]
fn a_new_password_has_a_new_version() {
    let mut place = Place::new();
    let anna = place.add("anna@example.com").name;
    place.administration.set_password(&anna, &Secret::Password(Password::new("new"))).unwrap();
    let user = place.show("anna@example.com");
    assert_eq!(user.credential_version, 2);
    assert!(user.credential.verify(&Password::new("new")));
    assert!(!user.credential.verify(&Password::new("secret")));
    let hash = Credential::parse(
        "$6$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.",
    );
    place.administration.set_password(&anna, &Secret::Hashed(hash.clone().unwrap())).unwrap();
    let user = place.show("anna@example.com");
    assert_eq!((user.credential_version, user.credential), (3, hash.unwrap()));
    // The same password again is a change all the same.
    place.administration.set_password(&anna, &Secret::Password(Password::new("new"))).unwrap();
    assert_eq!(place.show("anna@example.com").credential_version, 4);
}

#[test]
fn passwords_that_no_client_could_send_are_refused() {
    let mut place = Place::new();
    let anna = place.add("anna@example.com");
    let refused = [
        (Vec::new(), PasswordError::Empty),
        (vec![b'x'; 506], PasswordError::TooLong),
        (b"a\rb".to_vec(), PasswordError::Character),
        (b"a\nb".to_vec(), PasswordError::Character),
        (b"a\0b".to_vec(), PasswordError::Character),
    ];
    for (password, expected) in refused {
        let secret = Secret::Password(Password::new(password));
        let user = NewUser {
            name: name("otto@example.com"),
            secret: secret.clone(),
            database: database("DB01"),
            quota: None,
        };
        let added = place.administration.add(&user);
        assert!(matches!(added, Err(AdministrationError::Password(error)) if error == expected));
        let set = place.administration.set_password(&anna.name, &secret);
        assert!(matches!(set, Err(AdministrationError::Password(error)) if error == expected));
    }
    assert_eq!(place.names(), ["anna@example.com"]);
    assert_eq!(place.show("anna@example.com"), anna);
    let longest = Secret::Password(Password::new(vec![b' '; 505]));
    place.administration.set_password(&anna.name, &longest).unwrap();
}

#[test]
fn removing_a_user_says_where_the_mail_is_left() {
    let mut place = Place::new();
    let anna = place.add("anna@example.com");
    place.administration.add_alias(&anna.name, &name("info@example.com")).unwrap();
    let removed = place.administration.remove(&anna.name).unwrap();
    let expected = Removed {
        mailbox: anna.mailbox.clone(),
        database: anna.database.clone(),
        aliases: vec![name("info@example.com")],
    };
    assert_eq!(removed, expected);
    for gone in ["anna@example.com", "info@example.com"] {
        assert!(matches!(place.administration.show(&name(gone)), Err(AdministrationError::NoSuchUser(_))));
    }
    assert!(matches!(place.administration.remove(&anna.name), Err(AdministrationError::NoSuchUser(_))));
    // The same name is somebody else now, with another mailbox; and the alias is free.
    assert_ne!(place.add("anna@example.com").mailbox, anna.mailbox);
    place.add("info@example.com");
}

#[test]
fn who_does_not_exist_cannot_be_changed() {
    let mut place = Place::new();
    let nobody = name("nobody@example.com");
    let administration = &mut place.administration;
    let secret = Secret::Password(Password::new("secret"));
    let told = [
        administration.show(&nobody).err(),
        administration.set_password(&nobody, &secret).err(),
        administration.set_enabled(&nobody, true).err(),
        administration.set_quota(&nobody, None).err(),
        administration.set_database(&nobody, &database("DB01")).err(),
        administration.add_alias(&nobody, &name("info@example.com")).err(),
        administration.remove_alias(&nobody, &name("info@example.com")).err(),
        administration.remove(&nobody).err(),
    ];
    for error in told {
        assert_eq!(error.unwrap().to_string(), "there is no user nobody@example.com");
    }
}

#[test]
fn a_new_user_goes_to_the_database_with_the_fewest_users() {
    let mut place = Place::new();
    let databases = [database("DB01"), database("DB02"), database("DB03")];
    let choose =
        |place: &Place| place.administration.choose_database(&databases).unwrap().as_str().to_owned();
    assert_eq!(choose(&place), "DB01");
    place.add_to("a@example.com", "db01");
    assert_eq!(choose(&place), "DB02");
    place.add_to("b@example.com", "DB02");
    place.add_to("c@example.com", "DB03");
    assert_eq!(choose(&place), "DB01");
    // Databases that are not offered do not count.
    place.add_to("d@example.com", "DB01");
    assert_eq!(place.administration.choose_database(&databases[..1]).unwrap(), database("DB01"));
    assert!(matches!(place.administration.choose_database(&[]), Err(AdministrationError::NoDatabase)));
}

#[test]
fn many_users_are_added_from_lines() {
    let mut place = Place::new();
    place.add_to("old@example.com", "DB01");
    let text = "# a comment\n\
        anna:secret\r\n\
        \n\
        otto@example.org:{SHA512-CRYPT}$6$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.\n\
        emma:$2y$05$ZMgCVbItHnC4OQpjoBbeCeP/gwXi8YGS/quxDas8R1dH6jeNrZ4.6:db01:10 MB\n\
        carl: blanks count :DB02:unlimited\n\
        dora:{PLAIN}{SSHA}$6$:\n\
        ludo:$dollars::\n";
    assert_eq!(place.add_in_bulk(text).unwrap(), 6);
    let right = |user: &str, password: &str| {
        let user = place.show(user);
        assert!(user.credential.verify(&Password::new(password)), "{user:?}");
        (user.database.as_str().to_owned(), user.quota)
    };
    // One is in DB01 already, so the first without a database goes to DB02.
    assert_eq!(right("anna@example.com", "secret"), ("DB02".into(), None));
    assert_eq!(right("otto@example.org", "correct horse"), ("DB01".into(), None));
    assert_eq!(right("emma@example.com", "correct horse"), ("DB01".into(), Some(quota("10 MB"))));
    assert_eq!(right("carl@example.com", " blanks count "), ("DB02".into(), Some(quota("unlimited"))));
    assert_eq!(right("dora@example.com", "{SSHA}$6$"), ("DB02".into(), None));
    assert_eq!(right("ludo@example.com", "$dollars"), ("DB01".into(), None));
    assert_eq!(place.show("otto@example.org").credential.scheme(), "SHA512-CRYPT");
    assert_eq!(place.add_in_bulk("").unwrap(), 0);
    assert_eq!(place.add_in_bulk("# nobody\n\n").unwrap(), 0);
}

#[test]
fn every_bad_line_is_reported_by_its_number_and_nobody_is_added() {
    let mut place = Place::new();
    let text = "good:secret\n\
        # a comment\n\
        no password\n\
        nobody:\n\
        a b:secret\n\
        good@EXAMPLE.com:again\n\
        emma:pass:word\n\
        carl:pass:DB01:word\n\
        dora:a:b:c:d\n\
        otto:{SSHA}qnBTgJdNeuzKVe4SkiREsyhB\n\
        lena:{hunter2}\n\
        ines:$1$abc$hunter2\n\
        rolf:{BLF-CRYPT}hunter2\n";
    let expected = [
        (
            3,
            "the name has a character that is not allowed: letters, digits and any of .-_+!#$%&'*=?^`{|}~ are",
        ),
        (4, "the password is empty"),
        (
            5,
            "the name has a character that is not allowed: letters, digits and any of .-_+!#$%&'*=?^`{|}~ are",
        ),
        (6, "the same name as in line 1"),
        (
            7,
            "the third field is not a mailbox database (DB01, DB02); a password with a colon can only be given as a hash",
        ),
        (8, "the fourth field is not a quota: a size such as \"10 MB\", or \"unlimited\" is"),
        (9, "there are more than four fields; a password with a colon can only be given as a hash"),
        (
            10,
            "SSHA is not supported: {ARGON2ID}, {SHA512-CRYPT} and {BLF-CRYPT} are; if it is not a hash but the password, write {PLAIN} in front of it",
        ),
        (
            11,
            "the scheme between the braces is not supported: {ARGON2ID}, {SHA512-CRYPT} and {BLF-CRYPT} are; if it is not a hash but the password, write {PLAIN} in front of it",
        ),
        (
            12,
            "an MD5-crypt hash ($1$) is not supported: {ARGON2ID}, {SHA512-CRYPT} and {BLF-CRYPT} are; if it is not a hash but the password, write {PLAIN} in front of it",
        ),
        (13, "not a valid {BLF-CRYPT} hash"),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(number, reason)| (number, reason.to_owned())).collect();
    assert_eq!(place.bad_lines(text), expected);
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn names_that_are_taken_are_reported_by_line_and_nobody_is_added() {
    let mut place = Place::new();
    let anna = place.add("anna@example.com").name;
    place.administration.add_alias(&anna, &name("info@example.com")).unwrap();
    let expected = [
        (1, "there is a user anna@example.com already".to_owned()),
        (3, "info@example.com is an alias of anna@example.com".to_owned()),
    ];
    assert_eq!(place.bad_lines("anna:x\notto:x\nInfo:x\n"), expected);
    assert_eq!(place.names(), ["anna@example.com"]);
}

#[test]
fn a_bulk_add_without_databases_adds_nobody() {
    let mut place = Place::new();
    let realm = Realm::parse("example.com").unwrap();
    let defaults = BulkDefaults { realm: &realm, databases: &[], routes: &[] };
    let result = place.administration.add_in_bulk(b"anna:secret\notto:secret\n", &defaults);
    assert!(matches!(result, Err(AdministrationError::NoDatabase)));
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn no_error_shows_a_password_or_a_hash() {
    let mut place = Place::new();
    let lines = [
        "anna:hunter2:hunter2",
        "anna:hunter2:DB01:hunter2",
        "anna:a:b:c:hunter2",
        "anna:{hunter2}x",
        "anna:{SSHA}hunter2",
        "anna:{ARGON2ID}hunter2",
        "anna:{CRYPT}hunter2",
        "anna:{PLAIN}hunter2\0",
        "anna:$hunter2$x",
        "anna:$6$hunter2",
        "an na:hunter2",
        "hunter2 and nothing else",
    ];
    for line in lines {
        let error = place.add_in_bulk(line).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{line}: {error:?}");
    }
    let secret = Secret::Password(Password::new("hunter2"));
    let user = NewUser { name: name("anna@example.com"), secret, database: database("DB01"), quota: None };
    let added = place.administration.add(&user).unwrap();
    let shown = format!("{user:?} {added:?} {:?}", place.administration.add(&user).unwrap_err());
    assert!(!shown.contains("hunter2") && !shown.contains("$argon2"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_by_line_or_added_as_a_whole(text in "([a-c]{0,2}(:[ -~\\PC]{0,12}){0,4}[\r\n]{1,2}){0,6}") {
        let mut place = Place::new();
        let lines = text.split('\n').count();
        match place.add_in_bulk(&text) {
            Ok(count) => prop_assert_eq!(place.names().len(), count),
            Err(AdministrationError::Lines(bad)) => {
                prop_assert!(!bad.is_empty());
                prop_assert!(bad.is_sorted(), "{:?}", bad);
                prop_assert!(bad.iter().all(|bad| (1..=lines).contains(&bad.number)));
                prop_assert_eq!(place.names().len(), 0);
            }
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }

    #[test]
    fn every_password_without_a_colon_can_be_added(password in "[ -9;-~\\PC&&[^:]]{1,40}") {
        let mut place = Place::new();
        prop_assert_eq!(place.add_in_bulk(&format!("anna:{{PLAIN}}{password}")).unwrap(), 1);
        prop_assert!(place.show("anna@example.com").credential.verify(&Password::new(password.as_str())));
    }
}
