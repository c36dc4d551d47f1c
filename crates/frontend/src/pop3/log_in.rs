//! Letting a client in: who is it, where is its mail, and is that place there?

use std::sync::Arc;

use ::log_in::{Door, End, Lobby};
use directory::{Name, User};
use net::drain::SessionToken;
use net::{Accepted, Connection};
use pop3::{Credentials, Refusal, ResponseCode, Secret, Xclient};
use settings::DatabaseName;

use super::inner::{Inner, NoSession, Speaking, open_foreign, open_own};
use super::relaying::Relaying;
use crate::route::waiting::{GaveUp, Try};
use crate::route::{Foreign, ForeignKind, Route};
use crate::running::Frontend;

/// Serves a client that came in by `door`, until its end.
pub(crate) async fn serve<K>(
    frontend: Arc<Frontend>,
    door: Door,
    accepted: Accepted<K>,
    token: SessionToken,
) {
    let clients = frontend.certificates.clients().clone();
    let tls = (door == Door::Tls).then(|| clients.clone());
    let received = Lobby::receive(
        &frontend.service,
        Arc::clone(&frontend.desk),
        clients,
        (door, tls.as_ref()),
        accepted,
        token,
    );
    let Some((connection, mut lobby)) = received.await else { return };
    match let_in(&frontend, &mut lobby, door, connection).await {
        Ok((connection, inner)) => Relaying::new(frontend, lobby, inner).run(connection).await,
        Err(end) => lobby.entry.set_farewell(&end),
    }
}

/// Waits until somebody has logged in and opens the inner session.
async fn let_in(
    frontend: &Frontend,
    lobby: &mut Lobby,
    door: Door,
    mut connection: Connection,
) -> Result<(Connection, Inner), End> {
    loop {
        let credentials;
        (connection, credentials) = lobby.credentials(connection).await?;
        match log_in(frontend, lobby, door, credentials).await {
            Ok(inner) => return Ok((connection, inner)),
            Err(refusal) => lobby.machine.refused(&refusal),
        }
    }
}

async fn log_in(
    frontend: &Frontend,
    lobby: &mut Lobby,
    door: Door,
    credentials: Credentials,
) -> Result<Inner, Refusal> {
    if let Some((foreign, user, password)) = pass_through(frontend, &credentials).await? {
        return pass(frontend, lobby, door, &foreign, &user, &password).await;
    }
    let user = lobby.judge(credentials).await?;
    lobby.entry.set_user(user.name.as_str());
    let (inner, database) = reach(frontend, lobby, door, *user).await?;
    logged_in(lobby, database.as_str(), &inner);
    Ok(inner)
}

/// Whether somebody else judges these credentials: the back end of a pass-through route.
async fn pass_through(
    frontend: &Frontend,
    credentials: &Credentials,
) -> Result<Option<(Arc<Foreign>, String, Secret)>, Refusal> {
    let routes = frontend.routes.load();
    if !routes.has_pass_through() {
        return Ok(None);
    }
    let (Credentials::Password { user, password } | Credentials::Plain { authzid: None, user, password }) =
        credentials
    else {
        return Ok(None);
    };
    let Some(name) = frontend.desk.name(user) else { return Ok(None) };
    let found = frontend.directory.find(&name).await.map_err(|error| {
        tracing::error!(%error, "a user cannot be looked up");
        Refusal::new(ResponseCode::SysTemp, "Log-ins cannot be checked at this moment; try again")
    })?;
    let foreign = match found {
        Some(user) => match routes.to_database(user.database.as_str()) {
            Some(Route::Foreign(foreign)) if user.enabled => Some(foreign),
            _ => None,
        },
        None => routes.for_strangers_of(name.realm()),
    };
    Ok(foreign
        .filter(|foreign| matches!(foreign.kind, ForeignKind::PassThrough))
        .map(|foreign| (foreign, name.as_str().to_owned(), password.clone())))
}

/// Passes a log-in through to the back end that judges it.
async fn pass(
    frontend: &Frontend,
    lobby: &mut Lobby,
    door: Door,
    foreign: &Foreign,
    user: &str,
    password: &Secret,
) -> Result<Inner, Refusal> {
    lobby.entry.forget();
    lobby.admit().await?;
    let limits = frontend.inner_limits();
    let speaking = speaking(lobby, door, user);
    lobby.entry.pause();
    let opened = open_foreign(foreign, Some(password), &speaking, limits).await;
    lobby.entry.resume();
    match opened {
        Ok(inner) => {
            frontend.desk.accepted_elsewhere(lobby.client.ip());
            lobby.entry.set_user(user);
            logged_in(lobby, &foreign.name, &inner);
            Ok(inner)
        }
        Err(NoSession::WrongCredentials) => Err(frontend.desk.failed_elsewhere(lobby.client.ip())),
        Err(NoSession::Refused(refusal)) => Err(refusal),
        Err(NoSession::NotThere(why)) => Err(not_there(lobby, &foreign.name, &why)),
    }
}

/// Opens the inner session of a user who has been authenticated, waiting for a database that is moving, or for the mailbox
/// if that is what moves. Also, in which database it was in the end.
async fn reach(
    frontend: &Frontend,
    lobby: &mut Lobby,
    door: Door,
    user: User,
) -> Result<(Inner, DatabaseName), Refusal> {
    let limits = frontend.inner_limits();
    let speaking = speaking(lobby, door, user.name.as_str());
    // Neither the waiting nor the back end's time is ours.
    lobby.entry.pause();
    let tls = frontend.certificates.inner().client();
    let (name, database) = (user.name.clone(), user.database.clone());
    // What was found at the desk is as good as found now, once.
    let mut found = Some(user);
    let attempt = || {
        let found = found.take();
        let (name, tls, speaking) = (&name, &tls, &speaking);
        async move {
            // The way is looked up anew at each try: that is what the waiting is for.
            let user = match found {
                Some(user) => user,
                None => match find_again(frontend, name).await {
                    Ok(user) => user,
                    Err(tried) => return tried,
                },
            };
            if user.is_frozen() {
                return Try::NotThere("it is being moved to another database".to_owned());
            }
            let opened = match frontend.routes.load().to_database(user.database.as_str()) {
                Some(Route::Own(own)) => open_own(&own, tls, &frontend.free, speaking, limits).await,
                Some(Route::Foreign(foreign)) => open_foreign(&foreign, None, speaking, limits).await,
                None => Err(NoSession::NotThere("no server has this database".to_owned())),
            };
            match opened {
                Err(NoSession::NotThere(why)) => Try::NotThere(why),
                decided => Try::Decided(decided.map(|inner| (inner, user.database))),
            }
        }
    };
    let database = database.as_str();
    let opened = frontend
        .waiting
        .get_through(database, frontend.service.live.load().server.log_in.waiting_window.duration(), attempt)
        .await;
    lobby.entry.resume();
    match opened {
        Ok(Ok(reached)) => Ok(reached),
        Ok(Err(NoSession::Refused(refusal))) => Err(refusal),
        // The directory knew the user a moment ago: our two tiers disagree, which time or an administrator mends.
        Ok(Err(NoSession::WrongCredentials | NoSession::NotThere(_))) => {
            Err(not_there(lobby, database, "the back end does not accept the user"))
        }
        Err(GaveUp::TooLate(why)) => Err(not_there(lobby, database, &why)),
        Err(GaveUp::Full) => Err(not_there(lobby, database, "too many log-ins wait for it already")),
    }
}

/// The user of a log-in that waits, whose mailbox may be in another database by now.
async fn find_again<T>(frontend: &Frontend, name: &Name) -> Result<User, Try<Result<T, NoSession>, String>> {
    match frontend.directory.find(name).await {
        Ok(Some(user)) if user.enabled => Ok(user),
        // Removed or disabled while the client waited.
        Ok(_) => Err(Try::Decided(Err(NoSession::WrongCredentials))),
        Err(error) => Err(Try::NotThere(error.to_string())),
    }
}

fn not_there(lobby: &Lobby, database: &str, why: &str) -> Refusal {
    tracing::warn!(session = %lobby.entry.id(), user = lobby.entry.user(), database, why, "a mailbox is out of reach");
    Refusal::new(ResponseCode::SysTemp, "Your mailbox is not available at this moment; try again")
}

/// What a back end is told of the client.
fn speaking(lobby: &Lobby, door: Door, user: &str) -> Speaking {
    let xclient = Xclient {
        address: Some(lobby.client.ip()),
        port: Some(lobby.client.port()),
        session: Some(lobby.entry.id().to_string()),
        login: None,
        ttl: lobby.forwarded.as_ref().and_then(|forwarded| forwarded.ttl),
        protocol: Some(if door == Door::Tls { "POP3S" } else { "POP3" }.to_owned()),
    };
    Speaking::new(user, xclient)
}

fn logged_in(lobby: &Lobby, database: &str, inner: &Inner) {
    tracing::info!(
        session = %lobby.entry.id(), user = lobby.entry.user(), client = %lobby.client, database,
        server = inner.server, "log-in"
    );
}
