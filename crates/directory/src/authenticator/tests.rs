use std::{
    path::Path,
    sync::{Condvar, Mutex},
    time::Instant as RealInstant,
};

use super::*;
use crate::{
    Administration, Answer, Fault, InstallationSecret, Retry, SqliteDirectory, SqliteSettings,
    administration::{AdministrationSettings, NewUser, Secret},
};

/// A directory in a folder that goes with the test.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("directory.sqlite")
    }

    fn administration(&self) -> Administration {
        administration(&self.path(), false)
    }

    fn with_user(self, text: &str, password: &str) -> Self {
        add(&mut self.administration(), text, Secret::Password(Password::new(password)));
        self
    }

    fn directory(&self) -> SqliteDirectory {
        SqliteDirectory::open(&self.path(), &SqliteSettings::default()).unwrap()
    }
}

fn administration(path: &Path, scram: bool) -> Administration {
    Administration::open(path, AdministrationSettings { hashing: Hashing::CHEAPEST, scram }).unwrap()
}

fn add(administration: &mut Administration, text: &str, secret: Secret) {
    let database = settings::Value::parse("DB01").unwrap();
    administration.add(&NewUser { name: name(text), secret, database, quota: None }).unwrap();
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn cheap() -> AuthenticatorSettings {
    AuthenticatorSettings {
        lanes: 1,
        queue: 8,
        hashing: Hashing::CHEAPEST,
        ..AuthenticatorSettings::default()
    }
}

/// Counts the slow checks, and can keep them from ending.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    checks: Vec<String>,
}

impl Gate {
    fn check(self: &Arc<Self>) -> Check {
        let gate = Arc::clone(self);
        Arc::new(move |credential, password| {
            gate.pass(credential);
            credential.verify(password)
        })
    }

    fn pass(&self, credential: &Credential) {
        let mut state = self.state.lock().unwrap();
        state.checks.push(credential.expose().to_owned());
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.closed).unwrap());
    }

    fn set_closed(&self, closed: bool) {
        self.state.lock().unwrap().closed = closed;
        self.changed.notify_all();
    }

    fn checks(&self) -> usize {
        self.state.lock().unwrap().checks.len()
    }

    fn last_check(&self) -> String {
        self.state.lock().unwrap().checks.last().unwrap().clone()
    }
}

struct Bench {
    gate: Arc<Gate>,
    authenticator: Arc<Authenticator>,
}

impl Bench {
    fn new(directory: impl Directory, settings: &AuthenticatorSettings) -> Self {
        let gate = Arc::new(Gate::default());
        let authenticator = Authenticator::with_check(Arc::new(directory), settings, gate.check()).unwrap();
        Self { gate, authenticator: Arc::new(authenticator) }
    }

    async fn log_in(&self, text: &str, password: &str) -> Verification {
        self.authenticator.verify(&name(text), Password::new(password)).await
    }

    /// A log-in that goes on by itself.
    fn spawn(&self, text: &str, password: &str) -> tokio::task::JoinHandle<Verification> {
        let (authenticator, name) = (Arc::clone(&self.authenticator), name(text));
        let password = Password::new(password);
        tokio::spawn(async move { authenticator.verify(&name, password).await })
    }
}

/// Waits until something happens in another thread.
async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = RealInstant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(RealInstant::now() < deadline, "it never happened");
        tokio::task::yield_now().await;
    }
}

/// Moves the clock of the runtime on.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

#[track_caller]
fn assert_verified(verification: &Verification, text: &str) {
    assert!(
        matches!(verification, Verification::Verified(user) if user.name == name(text)),
        "{verification:?}"
    );
}

#[track_caller]
fn assert_refused(verification: &Verification) {
    assert!(matches!(verification, Verification::Refused), "{verification:?}");
}

#[tokio::test]
async fn right_password_logs_in_and_others_do_not() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &cheap());
    for wrong in ["", "Secret", "secret ", "secret\0", "secre"] {
        assert_refused(&bench.log_in("anna@example.com", wrong).await);
    }
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    for wrong in ["", "Secret", "secret ", "secret\0", "secre"] {
        assert_refused(&bench.log_in("anna@example.com", wrong).await);
    }
}

#[tokio::test]
async fn aliases_log_in_as_the_user() {
    let place = Place::new().with_user("anna@example.com", "secret");
    place.administration().add_alias(&name("anna@example.com"), &name("info@example.com")).unwrap();
    let bench = Bench::new(place.directory(), &cheap());
    assert_verified(&bench.log_in("info@example.com", "secret").await, "anna@example.com");
}

#[tokio::test]
async fn unknown_user_disabled_user_and_wrong_password_cost_one_check_each() {
    let place = Place::new().with_user("anna@example.com", "secret").with_user("otto@example.com", "secret");
    place.administration().set_enabled(&name("otto@example.com"), false).unwrap();
    let bench = Bench::new(place.directory(), &cheap());
    let attempts = [
        ("anna@example.com", "wrong"),
        ("nobody@example.com", "wrong"),
        ("nobody@example.com", "secret"),
        ("otto@example.com", "wrong"),
        ("otto@example.com", "secret"),
        ("otto@example.com", "secret"),
    ];
    for (count, (name, password)) in (1..).zip(attempts) {
        assert_refused(&bench.log_in(name, password).await);
        assert_eq!(bench.gate.checks(), count, "{name} {password}");
    }
}

#[tokio::test]
async fn unknown_user_costs_what_a_user_of_the_same_installation_costs() {
    let place = Place::new();
    let imported = Credential::parse(&bcrypt::hash("secret", 4).unwrap()).unwrap();
    add(&mut place.administration(), "anna@example.com", Secret::Hashed(imported.clone()));
    let bench = Bench::new(place.directory(), &cheap());
    assert_refused(&bench.log_in("nobody@example.com", "wrong").await);
    assert_eq!(bench.gate.last_check(), imported.expose());
    // The stand-in's own password opens nothing.
    assert_refused(&bench.log_in("nobody@example.com", "secret").await);
    assert_refused(&bench.log_in("nobody@example.com", "secret").await);
    assert_eq!(bench.gate.checks(), 3);
    let anna = place.administration().show(&name("anna@example.com")).unwrap();
    assert_eq!(anna.credential, imported, "and nothing is upgraded by it");
}

#[tokio::test]
async fn without_users_an_unknown_one_costs_a_check_all_the_same() {
    let place = Place::new();
    let bench = Bench::new(place.directory(), &cheap());
    assert_refused(&bench.log_in("nobody@example.com", "wrong").await);
    assert_eq!(bench.gate.checks(), 1);
    assert!(bench.gate.last_check().starts_with("{ARGON2ID}"));
}

#[tokio::test]
async fn a_right_password_is_remembered_and_a_wrong_one_is_not() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &cheap());
    for _ in 0..3 {
        assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    }
    assert_eq!(bench.gate.checks(), 1);
    assert_refused(&bench.log_in("anna@example.com", "wrong").await);
    assert_refused(&bench.log_in("anna@example.com", "wrong").await);
    assert_eq!(bench.gate.checks(), 3);
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    assert_eq!(bench.gate.checks(), 3);
}

#[tokio::test]
async fn a_remembered_password_is_forgotten_some_time_after_its_last_use() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let settings = AuthenticatorSettings { remember_for: Duration::from_mins(5), ..cheap() };
    let bench = Bench::new(place.directory(), &settings);
    for _ in 0..4 {
        assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
        later(Duration::from_mins(4)).await;
    }
    assert_eq!(bench.gate.checks(), 1);
    later(Duration::from_mins(2)).await;
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    assert_eq!(bench.gate.checks(), 2);
}

#[tokio::test]
async fn the_number_of_remembered_passwords_is_bounded() {
    let place = Place::new().with_user("anna@example.com", "secret").with_user("otto@example.com", "secret");
    let bench = Bench::new(place.directory(), &AuthenticatorSettings { remembered: 1, ..cheap() });
    for _ in 0..2 {
        assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
        assert_verified(&bench.log_in("otto@example.com", "secret").await, "otto@example.com");
    }
    assert_eq!(bench.gate.checks(), 4);
    assert_verified(&bench.log_in("otto@example.com", "secret").await, "otto@example.com");
    assert_eq!(bench.gate.checks(), 4);
}

#[tokio::test]
async fn a_changed_password_is_effective_at_once_although_the_old_one_is_remembered() {
    let place = Place::new().with_user("anna@example.com", "old");
    let bench = Bench::new(place.directory(), &cheap());
    assert_verified(&bench.log_in("anna@example.com", "old").await, "anna@example.com");
    let new = Secret::Password(Password::new("new"));
    place.administration().set_password(&name("anna@example.com"), &new).unwrap();
    assert_refused(&bench.log_in("anna@example.com", "old").await);
    assert_verified(&bench.log_in("anna@example.com", "new").await, "anna@example.com");
    assert_refused(&bench.log_in("anna@example.com", "old").await);
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_once_although_the_password_is_remembered() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &cheap());
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    place.administration().set_enabled(&name("anna@example.com"), false).unwrap();
    assert_refused(&bench.log_in("anna@example.com", "secret").await);
    place.administration().set_enabled(&name("anna@example.com"), true).unwrap();
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
}

#[tokio::test]
async fn a_user_added_again_does_not_inherit_the_remembered_password() {
    let place = Place::new().with_user("anna@example.com", "old");
    let bench = Bench::new(place.directory(), &cheap());
    assert_verified(&bench.log_in("anna@example.com", "old").await, "anna@example.com");
    place.administration().remove(&name("anna@example.com")).unwrap();
    assert_refused(&bench.log_in("anna@example.com", "old").await);
    let place = place.with_user("anna@example.com", "new");
    assert_refused(&bench.log_in("anna@example.com", "old").await);
    assert_verified(&bench.log_in("anna@example.com", "new").await, "anna@example.com");
    drop(place);
}

#[tokio::test]
async fn known_users_poll_without_waiting_while_a_flood_of_guesses_fills_the_lanes() {
    let place = Place::new().with_user("anna@example.com", "secret").with_user("otto@example.com", "secret");
    let bench = Bench::new(place.directory(), &AuthenticatorSettings { queue: 2, ..cheap() });
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    bench.gate.set_closed(true);
    let mut flood = vec![bench.spawn("otto@example.com", "guess 0")];
    until(|| bench.gate.checks() == 2).await;
    // The lane is taken; of the others two wait, and the rest is turned away at once.
    flood.extend((1..=20).map(|guess| bench.spawn("otto@example.com", &format!("guess {guess}"))));
    until(|| flood.iter().filter(|guess| guess.is_finished()).count() == 18).await;
    for _ in 0..100 {
        assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
        assert!(matches!(bench.log_in("anna@example.com", "guess").await, Verification::Busy));
        assert!(matches!(bench.log_in("nobody@example.com", "guess").await, Verification::Busy));
    }
    assert_eq!(bench.gate.checks(), 2, "the lane has been blocked all the time");
    bench.gate.set_closed(false);
    let mut refused = 0;
    for guess in flood {
        refused += usize::from(matches!(guess.await.unwrap(), Verification::Refused));
    }
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn as_many_hashes_run_at_once_as_there_are_lanes() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &AuthenticatorSettings { lanes: 2, ..cheap() });
    bench.gate.set_closed(true);
    let attempts: Vec<_> = (0..5).map(|_| bench.spawn("anna@example.com", "wrong")).collect();
    until(|| bench.gate.checks() == 2).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.gate.checks(), 2);
    bench.gate.set_closed(false);
    for attempt in attempts {
        assert_refused(&attempt.await.unwrap());
    }
    assert_eq!(bench.gate.checks(), 5);
}

#[tokio::test]
async fn a_client_that_is_gone_costs_no_hash() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &cheap());
    bench.gate.set_closed(true);
    let first = bench.spawn("anna@example.com", "wrong");
    until(|| bench.gate.checks() == 1).await;
    let gone = bench.spawn("anna@example.com", "wrong");
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    bench.gate.set_closed(false);
    assert_refused(&first.await.unwrap());
    assert_refused(&bench.log_in("anna@example.com", "wrong").await);
    assert_eq!(bench.gate.checks(), 2);
}

#[tokio::test]
async fn a_panic_in_a_lane_ends_one_log_in_only() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let check: Check = Arc::new(|credential, password| {
        assert_ne!(password.as_bytes(), b"panic");
        credential.verify(password)
    });
    let authenticator = Authenticator::with_check(Arc::new(place.directory()), &cheap(), check).unwrap();
    let anna = name("anna@example.com");
    assert!(matches!(authenticator.verify(&anna, Password::new("panic")).await, Verification::Busy));
    assert_verified(&authenticator.verify(&anna, Password::new("secret")).await, "anna@example.com");
}

/// A hash of another system is replaced once its password is known.
#[tokio::test]
async fn a_right_password_is_hashed_anew_if_the_hash_is_outdated() {
    let place = Place::new();
    let imported = Credential::parse(&bcrypt::hash("secret", 4).unwrap()).unwrap();
    add(&mut place.administration(), "anna@example.com", Secret::Hashed(imported.clone()));
    let bench = Bench::new(place.directory(), &cheap());
    let anna = || place.administration().show(&name("anna@example.com")).unwrap();
    assert_refused(&bench.log_in("anna@example.com", "wrong").await);
    assert_eq!(anna().credential, imported);
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    until(|| anna().credential != imported).await;
    let user = anna();
    assert_eq!(user.credential.scheme(), "ARGON2ID");
    assert_eq!(user.credential_version, 1, "the password is the same, so it stays remembered");
    assert_eq!(user.scram, None, "SCRAM is off");
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    assert_eq!(bench.gate.checks(), 2);
    later(Duration::from_hours(1)).await;
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    assert_eq!(bench.gate.last_check(), user.credential.expose());
}

/// What the test makes of a question to the directory.
struct Scripted {
    inner: SqliteDirectory,
    unavailable: bool,
    upgrades: Arc<Gate>,
}

impl Directory for Scripted {
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>> {
        if !self.unavailable {
            return self.inner.find(name);
        }
        Box::pin(async {
            Err(DirectoryError::Unavailable {
                operation: "look up a user",
                fault: Fault::Storage,
                retry: Retry::Soon,
                source: "the disk hangs".into(),
            })
        })
    }

    fn candidate<'a>(&'a self, name: &'a Name) -> Answer<'a, Candidate> {
        Box::pin(async move {
            self.find(name).await?;
            self.inner.candidate(name).await
        })
    }

    fn installation_secret(&self) -> Answer<'_, InstallationSecret> {
        self.inner.installation_secret()
    }

    fn takes_upgrades(&self) -> bool {
        true
    }

    fn upgrade(&self, upgrade: Upgrade) {
        self.upgrades.pass(&upgrade.credential.unwrap());
    }
}

#[tokio::test]
async fn hashing_anew_does_not_delay_the_answer() {
    let place = Place::new();
    let imported = Credential::parse(&bcrypt::hash("secret", 4).unwrap()).unwrap();
    add(&mut place.administration(), "anna@example.com", Secret::Hashed(imported));
    let upgrades = Arc::new(Gate::default());
    upgrades.set_closed(true);
    let scripted = Scripted { inner: place.directory(), unavailable: false, upgrades: Arc::clone(&upgrades) };
    let bench = Bench::new(scripted, &cheap());
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    until(|| upgrades.checks() == 1).await;
    upgrades.set_closed(false);
}

#[tokio::test]
async fn a_password_that_bcrypt_has_cut_is_not_hashed_anew() {
    let place = Place::new();
    let (whole, cut) = ("x".repeat(73), "x".repeat(72));
    let imported = Credential::parse(&bcrypt::hash(&whole, 4).unwrap()).unwrap();
    add(&mut place.administration(), "anna@example.com", Secret::Hashed(imported));
    let upgrades = Arc::<Gate>::default();
    let scripted = Scripted { inner: place.directory(), unavailable: false, upgrades: Arc::clone(&upgrades) };
    let bench = Bench::new(scripted, &cheap());
    assert_verified(&bench.log_in("anna@example.com", &whole).await, "anna@example.com");
    let other_end = format!("{cut}y");
    assert_verified(&bench.log_in("anna@example.com", &other_end).await, "anna@example.com");
    // The lane has done all it does for the first two before it takes up a third.
    assert_refused(&bench.log_in("anna@example.com", "wrong").await);
    assert_eq!(upgrades.checks(), 0);
}

#[tokio::test]
async fn a_directory_without_answer_is_told_apart_from_a_wrong_password() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let scripted = Scripted { inner: place.directory(), unavailable: true, upgrades: Arc::default() };
    let bench = Bench::new(scripted, &cheap());
    let anna = name("anna@example.com");
    assert!(matches!(bench.log_in("anna@example.com", "secret").await, Verification::Unavailable(_)));
    assert!(matches!(bench.authenticator.authorise(&anna).await, Verification::Unavailable(_)));
    assert!(bench.authenticator.scram_secret(&anna).await.is_err());
    assert_eq!(bench.gate.checks(), 0);
}

#[tokio::test]
async fn who_was_authenticated_elsewhere_must_exist_and_be_enabled() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &cheap());
    let (anna, nobody) = (name("anna@example.com"), name("nobody@example.com"));
    assert_verified(&bench.authenticator.authorise(&anna).await, "anna@example.com");
    assert_refused(&bench.authenticator.authorise(&nobody).await);
    place.administration().set_enabled(&anna, false).unwrap();
    assert_refused(&bench.authenticator.authorise(&anna).await);
}

#[tokio::test]
async fn scram_is_offered_to_everybody_and_passed_by_those_with_keys() {
    let place = Place::new().with_user("otto@example.com", "secret");
    add(
        &mut administration(&place.path(), true),
        "anna@example.com",
        Secret::Password(Password::new("secret")),
    );
    let bench = Bench::new(place.directory(), &cheap());
    let secret = async |text: &str| bench.authenticator.scram_secret(&name(text)).await.unwrap();
    let stored = place.administration().show(&name("anna@example.com")).unwrap().scram.unwrap();
    assert_eq!(secret("anna@example.com").await, stored);
    let mut salts = vec![stored.salt.clone()];
    for text in ["otto@example.com", "nobody@example.com", "noone@example.com"] {
        let invented = secret(text).await;
        assert_eq!(invented, secret(text).await, "{text}: the same at each try");
        assert_eq!(invented.iterations, stored.iterations);
        assert_eq!(invented.salt.len(), stored.salt.len());
        salts.push(invented.salt);
    }
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), 4);

    // Nor does switching a user off show.
    place.administration().set_enabled(&name("anna@example.com"), false).unwrap();
    let disabled = secret("anna@example.com").await;
    assert_eq!((&disabled.salt, disabled.iterations), (&stored.salt, stored.iterations));
    assert_ne!(disabled.stored_key, stored.stored_key);
    assert_ne!(disabled.server_key, stored.server_key);

    let other = Place::new();
    let elsewhere = Bench::new(other.directory(), &cheap());
    let nobody = name("nobody@example.com");
    assert_ne!(
        elsewhere.authenticator.scram_secret(&nobody).await.unwrap(),
        bench.authenticator.scram_secret(&nobody).await.unwrap(),
        "what is invented depends on the installation"
    );
}

#[tokio::test]
async fn scram_keys_are_made_after_a_log_in_only_if_scram_is_on() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let bench = Bench::new(place.directory(), &AuthenticatorSettings { scram: true, ..cheap() });
    let anna = || place.administration().show(&name("anna@example.com")).unwrap();
    let before = anna();
    assert_eq!(before.scram, None);
    assert_verified(&bench.log_in("anna@example.com", "secret").await, "anna@example.com");
    until(|| anna().scram.is_some()).await;
    assert_eq!(User { scram: None, ..anna() }, before, "nothing else has changed");
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let place = Place::new().with_user("anna@example.com", "hunter2");
    let bench = Bench::new(place.directory(), &cheap());
    let verified = bench.log_in("anna@example.com", "hunter2").await;
    let secret = bench.authenticator.scram_secret(&name("anna@example.com")).await.unwrap();
    let candidate = place.directory().candidate(&name("nobody@example.com")).await.unwrap();
    let installation = place.directory().installation_secret().await.unwrap();
    let shown = format!("{verified:?} {secret:?} {candidate:?} {installation:?} {:?}", bench.authenticator);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("$argon2id$"), "{shown}");
    assert!(
        shown.ends_with(
            "ScramKeys(4096 iterations, ..) Unknown { stand_in: Some(Credential({ARGON2ID}..)) } \
         InstallationSecret(..) Authenticator(..)"
        ),
        "{shown}"
    );
}

#[tokio::test]
async fn health_mailboxes_do_not_wait_for_the_hashes_of_others() {
    let place = Place::new().with_user("anna@example.com", "secret");
    let database = settings::Value::parse("DB01").unwrap();
    let mailbox = health_mailbox::HealthMailbox::of(&database);
    let secret = health_mailbox::HealthKey::new([7; 32]).secret(&mailbox);
    place.administration().provision_health_mailbox(&database, &secret).unwrap();
    let bench = Bench::new(place.directory(), &AuthenticatorSettings { queue: 1, ..cheap() });
    bench.gate.set_closed(true);
    let hashing = bench.spawn("anna@example.com", "secret");
    until(|| bench.gate.checks() == 1).await;
    let waiting = bench.spawn("anna@example.com", "wrong");
    let user = name(mailbox.user());
    for (secret, is_right) in [(secret.expose(), true), ("wrong", false)] {
        let verification = bench.authenticator.verify_health_mailbox(&user, &Password::new(secret)).await;
        assert_eq!(matches!(verification, Verification::Verified(_)), is_right, "{verification:?}");
    }
    assert_eq!(bench.gate.checks(), 1, "it cost no hash");
    bench.gate.set_closed(false);
    assert_verified(&hashing.await.unwrap(), "anna@example.com");
    assert_refused(&waiting.await.unwrap());
}
