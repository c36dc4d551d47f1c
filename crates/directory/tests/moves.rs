//! The record of a mailbox on its way to another database.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::PathBuf, time::Duration};

use directory::{
    Administration, Candidate, Directory as _, Hashing, MoveId, MovePhase, Moving, Name, Password,
    SqliteDirectory, SqliteSettings, User,
    administration::{AdministrationError, AdministrationSettings, NewUser, Secret},
};
use settings::{DatabaseName, Value as _};

const LEASE: Duration = Duration::from_mins(2);
/// A lease that is over as soon as it begins.
const OVER: Duration = Duration::ZERO;

/// A directory in which Anna is in DB01.
struct Place {
    path: PathBuf,
    administration: Administration,
    directory: SqliteDirectory,
    anna: Name,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.sqlite");
        let mut administration = administration(&path);
        let anna: Name = "anna@example.com".parse().unwrap();
        let secret = Secret::Password(Password::new("secret"));
        let user = NewUser { name: anna.clone(), secret, database: database("DB01"), quota: None };
        administration.add(&user).unwrap();
        let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
        Self { path, administration, directory, anna, _folder: folder }
    }

    fn begin(&mut self, target: &str, lease: Duration) -> Result<Moving, AdministrationError> {
        self.administration.begin_move(&self.anna, &database(target), lease)
    }

    async fn anna(&self) -> User {
        self.directory.find(&self.anna).await.unwrap().unwrap()
    }
}

fn administration(path: &std::path::Path) -> Administration {
    Administration::open(path, AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false }).unwrap()
}

fn database(name: &str) -> DatabaseName {
    DatabaseName::parse(name).unwrap()
}

#[track_caller]
fn assert_not_held<T: std::fmt::Debug>(answer: Result<T, AdministrationError>) {
    match answer {
        Err(AdministrationError::NotHeld { .. }) => {}
        other => panic!("not NotHeld but {other:?}"),
    }
}

#[tokio::test]
async fn a_move_goes_step_by_step_and_every_look_up_tells_where_it_is() {
    let mut place = Place::new();
    let before = place.anna().await;
    assert_eq!((before.moving.clone(), before.is_frozen()), (None, false));
    let moving = place.begin("DB02", LEASE).unwrap();
    assert_eq!((&moving.source, &moving.target), (&database("DB01"), &database("DB02")));
    let name = place.anna.clone();
    let mut seen = vec![place.anna().await];
    place.administration.freeze_move(&name, &moving.id, LEASE).unwrap();
    seen.push(place.anna().await);
    place.administration.switch_move(&name, &moving.id, LEASE).unwrap();
    seen.push(place.anna().await);
    place.administration.end_move(&name, &moving.id).unwrap();
    seen.push(place.anna().await);

    let told: Vec<_> = seen
        .iter()
        .map(|user| {
            (user.database.as_str(), user.is_frozen(), user.moving.as_ref().map(|moving| moving.phase))
        })
        .collect();
    let expected = [
        ("DB01", false, Some(MovePhase::Copying)),
        ("DB01", true, Some(MovePhase::Frozen)),
        ("DB02", false, Some(MovePhase::Leaving)),
        ("DB02", false, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(place.administration.list().unwrap()[0], seen[3]);
    assert_eq!(User { database: before.database.clone(), ..seen[3].clone() }, before, "nothing else changed");
}

#[tokio::test]
async fn a_freeze_that_is_over_is_lifted_by_whoever_meets_it_and_cannot_be_switched() {
    let mut place = Place::new();
    let moving = place.begin("DB02", LEASE).unwrap();
    let name = place.anna.clone();
    place.administration.freeze_move(&name, &moving.id, OVER).unwrap();
    // The command line shows what is; only services lift.
    assert!(place.administration.show(&name).unwrap().is_frozen());
    match place.directory.candidate(&name).await.unwrap() {
        Candidate::Known(user) => assert!(!user.is_frozen()),
        Candidate::Unknown { .. } => panic!("Anna is known"),
    }
    assert!(!place.anna().await.is_frozen());
    assert_not_held(place.administration.switch_move(&name, &moving.id, LEASE));
    assert_eq!(place.anna().await.database, database("DB01"));
    // Its mover, who was only slow, may freeze it once more.
    place.administration.freeze_move(&name, &moving.id, LEASE).unwrap();
    place.administration.switch_move(&name, &moving.id, LEASE).unwrap();
    assert_eq!(place.anna().await.database, database("DB02"));
}

#[tokio::test]
async fn a_freeze_that_is_renewed_lasts() {
    let mut place = Place::new();
    let moving = place.begin("DB02", LEASE).unwrap();
    let name = place.anna.clone();
    place.administration.freeze_move(&name, &moving.id, OVER).unwrap();
    place.administration.renew_move(&name, &moving.id, LEASE).unwrap();
    assert!(place.anna().await.is_frozen());
    place.administration.thaw_move(&name, &moving.id).unwrap();
    assert!(!place.anna().await.is_frozen());
    assert_not_held(place.administration.switch_move(&name, &moving.id, LEASE));
    place.administration.thaw_move(&name, &moving.id).unwrap();
}

#[tokio::test]
async fn a_freeze_nobody_has_met_yet_can_be_switched_though_it_is_over() {
    let mut place = Place::new();
    let moving = place.begin("DB02", LEASE).unwrap();
    let name = place.anna.clone();
    place.administration.freeze_move(&name, &moving.id, OVER).unwrap();
    place.administration.switch_move(&name, &moving.id, LEASE).unwrap();
    assert_eq!(place.anna().await.database, database("DB02"));
}

#[test]
fn one_mover_at_a_time() {
    let mut place = Place::new();
    place.begin("DB02", LEASE).unwrap();
    for target in ["DB02", "DB03"] {
        let error =
            administration(&place.path).begin_move(&place.anna, &database(target), LEASE).unwrap_err();
        let said = "the mailbox of anna@example.com is being moved from DB01 to DB02";
        assert_eq!(error.to_string(), said);
    }
    let (name, elsewhere) = (place.anna.clone(), database("DB03"));
    for refused in
        [place.administration.set_database(&name, &elsewhere).err(), place.administration.remove(&name).err()]
    {
        assert!(matches!(refused, Some(AdministrationError::UnderWay { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_move_whose_mover_died_is_taken_up_and_the_dead_can_do_nothing_more() {
    let mut place = Place::new();
    let name = place.anna.clone();
    let dead = place.begin("DB02", LEASE).unwrap();
    place.administration.freeze_move(&name, &dead.id, OVER).unwrap();
    // Also by somebody who wants something else, and has to clean up first.
    let taken_up = place.begin("DB03", LEASE).unwrap();
    assert_eq!((&taken_up.target, taken_up.phase), (&database("DB02"), MovePhase::Copying));
    assert!(!place.anna().await.is_frozen());
    assert_ne!(dead.id, taken_up.id);
    assert_not_held(place.administration.renew_move(&name, &dead.id, LEASE));
    assert_not_held(place.administration.freeze_move(&name, &dead.id, LEASE));
    assert_not_held(place.administration.switch_move(&name, &dead.id, LEASE));
    assert_not_held(place.administration.end_move(&name, &dead.id));

    place.administration.freeze_move(&name, &taken_up.id, LEASE).unwrap();
    assert_not_held(place.administration.end_move(&name, &taken_up.id));
    place.administration.switch_move(&name, &taken_up.id, LEASE).unwrap();
    place.administration.release_move(&name, &taken_up.id).unwrap();
    let last = place.begin("DB02", LEASE).unwrap();
    assert_eq!((&last.source, last.phase), (&database("DB01"), MovePhase::Leaving));
    place.administration.end_move(&name, &last.id).unwrap();
    assert_eq!(place.anna().await.moving, None);
}

#[test]
fn where_the_mailbox_is_it_is_not_moved_to() {
    let mut place = Place::new();
    let error = place.begin("db01", LEASE).unwrap_err();
    assert!(matches!(error, AdministrationError::IsThere { .. }), "{error:?}");
}

#[test]
fn a_move_goes_with_its_user() {
    let mut place = Place::new();
    let name = place.anna.clone();
    let moving = place.begin("DB02", OVER).unwrap();
    place.administration.remove(&name).unwrap();
    let answer = place.administration.renew_move(&name, &moving.id, LEASE);
    assert!(matches!(answer, Err(AdministrationError::NoSuchUser(_))), "{answer:?}");
}

#[test]
fn a_move_is_named_by_32_digits() {
    let text = "00112233445566778899aabbccddeeff";
    assert_eq!(MoveId::parse(text).unwrap().to_string(), text);
    for wrong in ["", "0011", "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeefg"] {
        assert!(MoveId::parse(wrong).is_err(), "{wrong}");
    }
}
