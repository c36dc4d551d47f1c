use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use net::Sessions;
use net::drain::{NotAdmitting, Phase, SessionToken, StillOpen};
use tokio::sync::oneshot;
use tokio::time::Instant;

fn later(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_ends_as_soon_as_the_drain_begins() {
    let sessions = Sessions::new();
    sessions.spawn(async |mut token: SessionToken| token.draining().await).unwrap();
    assert_eq!(sessions.open(), 1);
    assert_eq!(sessions.ended(later(1)).await, Err(StillOpen { sessions: 1 }));

    sessions.set_phase(Phase::Draining);
    assert_eq!(sessions.ended(later(5)).await, Ok(()));
    assert_eq!(sessions.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_session_begins_while_draining_and_some_do_again_after_the_drain_is_called_off() {
    let sessions = Sessions::new();
    sessions.set_phase(Phase::Draining);
    assert_eq!(sessions.admit().unwrap_err(), NotAdmitting);
    assert_eq!(sessions.spawn(async |_: SessionToken| panic!("not to be run")), Err(NotAdmitting));
    sessions.set_phase(Phase::Refusing);
    assert_eq!(sessions.admit().unwrap_err(), NotAdmitting);
    assert_eq!(sessions.open(), 0);

    sessions.set_phase(Phase::Admitting);
    let token = sessions.admit().unwrap();
    assert_eq!(token.phase(), Phase::Admitting);
    assert_eq!(sessions.open(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_in_the_middle_of_something_goes_on_until_it_is_refused() {
    let sessions = Sessions::new();
    let (done, mut is_done) = oneshot::channel();
    sessions
        .spawn(async |mut token: SessionToken| {
            token.refusing().await;
            done.send(token.phase()).unwrap();
        })
        .unwrap();
    sessions.set_phase(Phase::Draining);
    assert_eq!(sessions.ended(later(5)).await, Err(StillOpen { sessions: 1 }));
    assert!(is_done.try_recv().is_err());

    sessions.set_phase(Phase::Refusing);
    assert_eq!(sessions.ended(later(5)).await, Ok(()));
    assert_eq!(is_done.await.unwrap(), Phase::Refusing);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_waits_late_learns_what_happened_early() {
    let sessions = Sessions::new();
    let mut token = sessions.admit().unwrap();
    sessions.set_phase(Phase::Refusing);
    token.draining().await;
    token.refusing().await;
}

#[tokio::test(start_paused = true)]
async fn with_no_session_open_the_drain_is_over_at_once() {
    let sessions = Sessions::new();
    sessions.set_phase(Phase::Draining);
    let begun = Instant::now();
    assert_eq!(sessions.ended(later(5)).await, Ok(()));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_own_session_and_no_other() {
    let sessions = Sessions::new();
    let survived = Arc::new(AtomicBool::new(false));
    let witness = Arc::clone(&survived);
    sessions.spawn(async |_: SessionToken| panic!("this panic is part of the test")).unwrap();
    sessions
        .spawn(async move |mut token: SessionToken| {
            token.draining().await;
            witness.store(true, Ordering::Relaxed);
        })
        .unwrap();
    while sessions.open() != 1 {
        tokio::task::yield_now().await;
    }
    sessions.set_phase(Phase::Draining);
    assert_eq!(sessions.ended(later(5)).await, Ok(()));
    assert!(survived.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_session_outlives_the_registry() {
    let sessions = Sessions::new();
    let mut token = sessions.admit().unwrap();
    drop(sessions);
    let ended = tokio::time::timeout(Duration::from_secs(1), token.draining()).await;
    assert!(ended.is_err(), "nobody can have asked it to end");
}

#[tokio::test]
async fn who_is_told_of_the_phases_is_no_session() {
    let sessions = Sessions::new();
    let mut phases = sessions.phases();
    assert_eq!(sessions.open(), 0);
    sessions.set_phase(Phase::Draining);
    phases.changed().await.unwrap();
    assert_eq!(*phases.borrow_and_update(), Phase::Draining);
    sessions.ended(Instant::now()).await.unwrap();
    sessions.set_phase(Phase::Admitting);
    phases.changed().await.unwrap();
    assert_eq!(*phases.borrow(), Phase::Admitting);
}
