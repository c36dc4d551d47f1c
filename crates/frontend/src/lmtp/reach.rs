//! Reaching the back end that has a database: at once, or when the database has come back.

use std::sync::Arc;
use std::time::Duration;

use directory::DirectoryError;
use lmtp::{Address, Reply};
use tokio::time::Instant;

use super::envelope::{Envelope, Recipient};
use super::inner::{Inner, Lost};
use super::leg::{Leg, Verdict};
use crate::route::waiting::{GaveUp, Try};
use crate::route::{Own, Route};
use crate::running::Frontend;

/// A transaction that was begun, and what was said of the recipients it was begun with.
pub(super) type Begun = (Leg, Vec<Verdict>);

/// Why no transaction was begun.
pub(super) enum Unreached {
    /// The recipients are not in one database any more.
    Scattered,
    /// It is over, and this is what the mail server is told.
    Over(Reply),
}

/// Begins a transaction for recipients who are all in one database, as was just found, wherever that is mounted. While it is
/// mounted nowhere, or its back end is away, or the mailboxes are about to be in another database, this waits up to
/// `patience`, of which the time it took is taken.
pub(super) async fn reach(
    frontend: &Frontend,
    envelope: &Envelope,
    recipients: &[(usize, &Recipient)],
    patience: &mut Duration,
) -> Result<Begun, Unreached> {
    let Some((_, first)) = recipients.first() else { return Err(Unreached::Over(not_there())) };
    let (began, database) = (Instant::now(), first.database());
    let mut tries = 0_u32;
    let attempt = || {
        tries = tries.saturating_add(1);
        let again = tries > 1;
        async move {
            // The way is looked up anew at each try: that is what the waiting is for.
            if again {
                match look_again(frontend, recipients).await {
                    Ok(Found::Here) => {}
                    Ok(Found::Scattered) => return Try::Decided(Err(Unreached::Scattered)),
                    Ok(Found::Frozen) => {
                        return Try::NotThere("the mailbox is being moved to another database".to_owned());
                    }
                    Err(error) => return Try::NotThere(error.to_string()),
                }
            }
            attempt(frontend, envelope, recipients).await
        }
    };
    let reached = frontend.back_ends.room().get_through(&database, *patience, attempt).await;
    *patience = patience.saturating_sub(began.elapsed());
    let why = match reached {
        Ok(decided) => return decided,
        Err(GaveUp::TooLate(why)) => why,
        Err(GaveUp::Full) => "too many deliveries wait for it already".to_owned(),
    };
    tracing::warn!(%database, delivery = %envelope.id, why, "a database is out of reach");
    Err(Unreached::Over(not_there()))
}

/// Where recipients are who were in one database.
pub(super) enum Found {
    /// In one database.
    Here,
    /// In several.
    Scattered,
    /// In one database, and every one of them is about to leave it.
    Frozen,
}

/// Looks once more where the recipients are.
pub(super) async fn look_again(
    frontend: &Frontend,
    recipients: &[(usize, &Recipient)],
) -> Result<Found, DirectoryError> {
    let mut frozen = 0;
    for (_, recipient) in recipients {
        frozen += usize::from(recipient.look_again(&*frontend.directory).await?);
    }
    let mut databases = recipients.iter().map(|(_, recipient)| recipient.database());
    let first = databases.next();
    Ok(if databases.any(|database| Some(database) != first) {
        Found::Scattered
    } else if frozen == recipients.len() {
        Found::Frozen
    } else {
        Found::Here
    })
}

/// What a mail server is told when the hold is over.
pub(super) fn not_there() -> Reply {
    Reply::new(451, 3, 2, "The mailbox is not available at this moment")
}

async fn attempt(
    frontend: &Frontend,
    envelope: &Envelope,
    recipients: &[(usize, &Recipient)],
) -> Try<Result<Begun, Unreached>, String> {
    let database = recipients.first().map(|(_, recipient)| recipient.database()).unwrap_or_default();
    let route = frontend.routes.load().to_database(&database);
    let own = match route {
        Some(Route::Own(own)) => own,
        Some(Route::Foreign(foreign)) => {
            tracing::error!(
                %database,
                route = foreign.name,
                "mail came for a user whose mail is kept elsewhere"
            );
            // Mail that came here by mistake is kept where it is until somebody has mended the way (RFC 3463 §3.4).
            let reply = Reply::new(451, 3, 5, "This user's mail is delivered at another server");
            return Try::Decided(Err(Unreached::Over(reply)));
        }
        None => return Try::NotThere("no server has it".to_owned()),
    };
    let asked: Vec<_> = recipients.iter().map(|(place, recipient)| (*place, &recipient.address)).collect();
    match begin(frontend, &own, envelope, &asked).await {
        Err(lost) => Try::NotThere(format!("{}: {lost}", own.server)),
        Ok((leg, verdicts)) => {
            let not_there = verdicts.iter().find_map(|verdict| match verdict {
                Verdict::NotThere(reply) => Some(format!("{}: {reply}", own.server)),
                Verdict::Yes | Verdict::No(_) => None,
            });
            match not_there {
                Some(why) if leg.accepted().is_empty() => {
                    release(frontend, leg).await;
                    Try::NotThere(why)
                }
                _ => Try::Decided(Ok((leg, verdicts))),
            }
        }
    }
}

/// Begins a transaction at the back end of `own`, on a free connection if that turns out to be alive, else on a fresh one.
async fn begin(
    frontend: &Frontend,
    own: &Arc<Own>,
    envelope: &Envelope,
    recipients: &[(usize, &Address)],
) -> Result<Begun, Lost> {
    let (connect, reply) = envelope_limits(frontend);
    if let Some(inner) = frontend.back_ends.take(own) {
        let mut leg = Leg::begin(inner, envelope);
        match leg.ask(recipients, reply).await {
            Ok(verdicts) => return Ok((leg, verdicts)),
            Err(lost) => tracing::debug!(server = own.server, %lost, "a free connection has died"),
        }
    }
    let tls = frontend.certificates.inner().client();
    let inner = Inner::connect(Arc::clone(own), &tls, &frontend.server, connect).await?;
    let mut leg = Leg::begin(inner, envelope);
    let verdicts = leg.ask(recipients, reply).await?;
    Ok((leg, verdicts))
}

/// How long a back end may take to be reached, and to answer before it gets the message: not so long that the mail server
/// that waits for our own answer gives up (RFC 5321 §4.5.3.2.3).
pub(super) fn envelope_limits(frontend: &Frontend) -> (Duration, Duration) {
    let (connect, reply) = frontend.inner_limits();
    let hold = frontend.service.live.load().server.delivery.hold.duration();
    (connect, reply.min(hold.max(connect)))
}

/// Ends a transaction and keeps its connection if it can be used again.
pub(super) async fn release(frontend: &Frontend, leg: Leg) {
    if let Some(inner) = leg.end().await {
        frontend.back_ends.put(inner);
    }
}
