//! Health mailboxes in the directory: made by themselves, hidden, let in by a secret that nothing has to wait for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;

use directory::administration::{
    AdministrationError, AdministrationSettings, BulkDefaults, NewUser, Provision, Secret,
};
use directory::{
    Administration, Authenticator, AuthenticatorSettings, Candidate, Credential, Directory as _, Hashing,
    Name, Password, Realm, SqliteDirectory, SqliteSettings, Verification,
};
use health_mailbox::{HealthKey, HealthMailbox, HealthSecret};
use settings::{DatabaseName, SizeLimit, Value as _};

const HEALTH: &str = "health-db01@mailmedic.invalid";

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    administration: Administration,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.sqlite");
        let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false };
        let administration = Administration::open(&path, settings).unwrap();
        Self { _folder: folder, path, administration }
    }

    fn with_health_mailbox() -> Self {
        let mut place = Self::new();
        place.administration.provision_health_mailbox(&database("DB01"), &secret(7)).unwrap();
        place
    }

    fn directory(&self) -> SqliteDirectory {
        SqliteDirectory::open(&self.path, &SqliteSettings::default()).unwrap()
    }

    fn authenticator(&self) -> Authenticator {
        let settings = AuthenticatorSettings {
            lanes: 1,
            hashing: Hashing::CHEAPEST,
            ..AuthenticatorSettings::default()
        };
        Authenticator::new(Arc::new(self.directory()), &settings).unwrap()
    }
}

fn database(name: &str) -> DatabaseName {
    DatabaseName::parse(name).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The secret of DB01's health mailbox under a key of these octets.
fn secret(octet: u8) -> HealthSecret {
    HealthKey::new([octet; 32]).secret(&HealthMailbox::of(&database("DB01")))
}

fn password(secret: &HealthSecret) -> Password {
    Password::new(secret.expose())
}

async fn is_let_in(authenticator: &Authenticator, secret: &HealthSecret) -> bool {
    let verification = authenticator.verify_health_mailbox(&name(HEALTH), &password(secret)).await;
    match verification {
        Verification::Verified(user) => user.name == name(HEALTH),
        Verification::Refused => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_health_mailbox_is_made_once_and_never_overwritten() {
    let mut place = Place::new();
    let db01 = database("DB01");
    let provision =
        |place: &mut Place, octet| place.administration.provision_health_mailbox(&db01, &secret(octet));
    assert_eq!(provision(&mut place, 7).unwrap(), Provision::Created);
    let made = place.administration.show(&name(HEALTH)).unwrap();
    assert_eq!(provision(&mut place, 8).unwrap(), Provision::Present);
    assert_eq!(place.administration.show(&name(HEALTH)).unwrap(), made);
    assert_eq!((made.database, made.quota, made.enabled), (db01, Some(SizeLimit::Unlimited), true));
    assert_eq!(made.credential.scheme(), "HEALTH");
    assert!(!made.credential.expose().contains(secret(7).expose()), "the secret itself is stored nowhere");
}

#[test]
fn health_mailboxes_are_listed_only_where_they_are_asked_for_and_count_for_no_database() {
    let mut place = Place::with_health_mailbox();
    assert!(place.administration.list().unwrap().is_empty());
    let health = place.administration.list_health_mailboxes().unwrap();
    assert_eq!(health.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), [HEALTH]);
    let databases = [database("DB01"), database("DB02")];
    assert_eq!(place.administration.choose_database(&databases).unwrap(), databases[0]);
    let realm = Realm::parse("example.com").unwrap();
    let defaults = BulkDefaults { realm: &realm, databases: &databases, routes: &[] };
    place.administration.add_in_bulk(b"a:pw\n", &defaults).unwrap();
    assert_eq!(place.administration.list().unwrap()[0].database, databases[0]);
}

#[test]
fn nobody_changes_removes_or_moves_a_health_mailbox() {
    let mut place = Place::with_health_mailbox();
    let (health, before) = (name(HEALTH), place.administration.show(&name(HEALTH)).unwrap());
    let administration = &mut place.administration;
    let new = Secret::Password(Password::new("secret"));
    let told = [
        administration.set_password(&health, &new).unwrap_err(),
        administration.set_enabled(&health, false).unwrap_err(),
        administration.set_quota(&health, None).unwrap_err(),
        administration.set_database(&health, &database("DB02")).unwrap_err(),
        administration.add_alias(&health, &name("info@example.com")).unwrap_err(),
        administration.remove(&health).unwrap_err(),
        administration.begin_move(&health, &database("DB02"), std::time::Duration::from_mins(1)).unwrap_err(),
    ];
    for error in told {
        assert!(matches!(&error, AdministrationError::HealthMailbox(user) if *user == health), "{error}");
        assert!(error.to_string().contains("only probes use it"), "{error}");
    }
    assert_eq!(place.administration.show(&health).unwrap(), before);
}

#[test]
fn no_user_is_called_like_a_health_mailbox_nor_has_such_an_alias() {
    let mut place = Place::new();
    let user = |text: &str| NewUser {
        name: name(text),
        secret: Secret::Password(Password::new("secret")),
        database: database("DB01"),
        quota: None,
    };
    place.administration.add(&user("anna@example.com")).unwrap();
    for taken in [HEALTH, "anna@mailmedic.invalid"] {
        let added = place.administration.add(&user(taken)).unwrap_err();
        let alias = place.administration.add_alias(&name("anna@example.com"), &name(taken)).unwrap_err();
        for error in [added, alias] {
            assert!(matches!(error, AdministrationError::Reserved(_)), "{error}");
        }
    }
    let realm = Realm::parse("mailmedic.invalid").unwrap();
    let databases = [database("DB01")];
    let defaults = BulkDefaults { realm: &realm, databases: &databases, routes: &[] };
    let lines = place.administration.add_in_bulk(b"health-db01:pw\n", &defaults);
    let Err(AdministrationError::Lines(lines)) = lines else { panic!("{lines:?}") };
    assert!(lines[0].reason.contains("is kept for the health of the service"), "{}", lines[0].reason);
}

#[test]
fn a_hash_that_is_cheap_to_guess_is_no_password_of_a_user() {
    let stored = Credential::of_health_mailbox(&secret(7));
    let error = Credential::parse(stored.expose()).unwrap_err();
    assert!(error.to_string().contains("is not supported"), "{error}");
}

#[tokio::test]
async fn the_secret_of_the_cluster_lets_in_and_no_other_does() {
    let place = Place::with_health_mailbox();
    let authenticator = place.authenticator();
    assert!(is_let_in(&authenticator, &secret(7)).await);
    assert!(!is_let_in(&authenticator, &secret(8)).await);
    for wrong in ["", "secret", &secret(7).expose()[..63]] {
        let verification = authenticator.verify_health_mailbox(&name(HEALTH), &Password::new(wrong)).await;
        assert!(matches!(verification, Verification::Refused), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_changed_credential_refuses_at_once_and_nothing_is_remembered() {
    let mut place = Place::with_health_mailbox();
    let authenticator = place.authenticator();
    assert!(is_let_in(&authenticator, &secret(7)).await);
    place.administration.reset_health_mailbox(&database("DB01"), &secret(8)).unwrap();
    assert!(!is_let_in(&authenticator, &secret(7)).await);
    assert!(is_let_in(&authenticator, &secret(8)).await);
}

#[tokio::test]
async fn who_comes_with_a_password_does_not_find_a_health_mailbox() {
    let mut place = Place::with_health_mailbox();
    place
        .administration
        .add(&NewUser {
            name: name("anna@example.com"),
            secret: Secret::Password(Password::new("secret")),
            database: database("DB01"),
            quota: None,
        })
        .unwrap();
    let anna = place.administration.show(&name("anna@example.com")).unwrap();
    // Checking takes the time of a user's password, though the only other credential takes none.
    let candidate = place.directory().candidate(&name(HEALTH)).await.unwrap();
    assert!(
        matches!(&candidate, Candidate::Unknown { stand_in: Some(credential) } if *credential == anna.credential),
        "{candidate:?}"
    );
    let authenticator = place.authenticator();
    let verification = authenticator.verify(&name(HEALTH), password(&secret(7))).await;
    assert!(matches!(verification, Verification::Refused), "{verification:?}");
    // And a user who is no health mailbox is not let in by the way of those.
    let verification =
        authenticator.verify_health_mailbox(&name("anna@example.com"), &Password::new("secret")).await;
    assert!(matches!(verification, Verification::Refused), "{verification:?}");
}
