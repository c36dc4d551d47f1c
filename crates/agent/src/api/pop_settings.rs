//! The POP3 settings of servers: each agent answers for its own.

use std::sync::Arc;

use admin_api::rows::{ByServer, PopSettingRow, PopSettingsChange, PopSettingsRow};
use admin_api::{Kind, Listing, Problem, routes};
use service::changing::{self, ChangeError, Effect};
use service::live::read_set;
use settings::{Configuration, Layer, PopSettings, Role, Server};
use tokio::task::spawn_blocking;

use super::Api;
use super::asked::Asked;

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::PopSettings>,
) -> Result<Listing<PopSettingsRow>, Problem> {
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        listing.rows.push(in_the_background(Arc::clone(&api), own).await?);
    }
    // Each is asked for its own alone, so that nobody asks anybody on.
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let query = ByServer { server: Some(server.to_string()) };
        async move { client.get(&routes::PopSettings {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
        listing.unanswered.extend(answer.unanswered);
    }
    listing.rows.sort_by(|one, other| one.server.cmp(&other.server));
    Ok(listing)
}

pub(super) async fn set(
    api: Arc<Api>,
    asked: Asked<routes::SetPopSettings>,
) -> Result<PopSettingsChange, Problem> {
    let server = api.server_called(asked.path("server"))?;
    let request = asked.request.clone();
    if server != api.server {
        // It writes down who asked, as the one that does it.
        let endpoint = routes::SetPopSettings { server: server.to_string() };
        let ask = |client: api_client::Client| async move { client.send(&endpoint, &request).await };
        return api.neighbours.pass_on(&asked.caller, &server, ask).await?;
    }
    let set = request.set.iter().map(|(name, value)| format!("{name}={value}"));
    let unset = request.unset.iter().map(|name| format!("{name} taken back"));
    let target = format!("{server}: {}", set.chain(unset).collect::<Vec<_>>().join(", "));
    let changed = in_the_background(Arc::clone(&api), move |api| {
        change(api, |layer| {
            request.set.iter().try_for_each(|(name, value)| layer.set(name, value))?;
            request.unset.iter().try_for_each(|name| layer.clear(name).map(|_| ()))
        })
    })
    .await;
    let outcome = changed.as_ref().map(|changed| changed.changes.join("; "));
    api.audit.note(&asked.caller, ("pop settings", &target), asked.request.reason.as_deref(), outcome);
    changed
}

/// Reads and writes files, which may take a while.
async fn in_the_background<T: Send + 'static>(
    api: Arc<Api>,
    act: impl FnOnce(&Api) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = spawn_blocking(move || act(&api)).await;
    done.unwrap_or_else(|panic| Err(Problem::new(Kind::Internal, format!("the settings: {panic}"))))
}

/// The settings of this server, as its files have them now.
fn own(api: &Api) -> Result<PopSettingsRow, Problem> {
    let settled = api.live.snapshot();
    let layer = read_set(&api.data.server(api.server.as_str()).pop_settings());
    let layer = layer.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    Ok(row(api, &settled.configuration, this(api, &settled.configuration)?, &layer))
}

fn this<'a>(api: &Api, configuration: &'a Configuration) -> Result<&'a Server, Problem> {
    let server = configuration.server(api.server.as_str());
    server.ok_or_else(|| Problem::unknown("server", api.server.as_str(), std::iter::empty()))
}

fn row(
    api: &Api,
    configuration: &Configuration,
    server: &Server,
    layer: &Layer<PopSettings>,
) -> PopSettingsRow {
    let settings = configuration.settings_of(server, layer).pop;
    let folder = api.data.server(server.name.as_str());
    PopSettingsRow {
        server: server.name.to_string(),
        protocol_log: settings.log_file_location.from_folder(folder.root()).display().to_string(),
        settings: settings
            .rows()
            .map(|row| PopSettingRow {
                name: row.name.to_owned(),
                value: row.value,
                origin: row.origin.to_string(),
                default: row.default.to_owned(),
            })
            .collect(),
    }
}

fn change(
    api: &Api,
    wanted: impl FnOnce(&mut Layer<PopSettings>) -> Result<(), settings::Invalid>,
) -> Result<PopSettingsChange, Problem> {
    let folder = api.data.server(api.server.as_str());
    let changed = changing::change(&folder, wanted).map_err(|error| {
        let kind = if matches!(error, ChangeError::Invalid(_)) { Kind::BadInput } else { Kind::Unavailable };
        Problem::new(kind, error.to_string())
    })?;
    let settled = api.live.snapshot();
    let configuration = &settled.configuration;
    let server = this(api, configuration)?;
    let (before, now) =
        (row(api, configuration, server, &changed.before), row(api, configuration, server, &changed.after));
    let different = before.settings.iter().zip(&now.settings).filter(|(old, new)| old != new);
    let mut told: Vec<String> = different
        .map(|(old, new)| {
            let (name, value, origin) = (&new.name, &new.value, &new.origin);
            format!("{name} is {value} ({origin}); it was {} ({})", old.value, old.origin)
        })
        .collect();
    for service in mail_services(server) {
        match changing::tell(&folder, service) {
            Ok(Effect::InEffect) => told.push(format!("in effect on {service}")),
            Ok(Effect::NothingNew) => {}
            Ok(Effect::NotRunning) => {
                told.push(format!("{service} is not running; it reads this when it starts"));
            }
            Err(error) => {
                let detail =
                    format!("it is stored, but {service} could not be told and goes on as before: {error}");
                return Err(Problem::new(Kind::Unavailable, detail));
            }
        }
    }
    Ok(PopSettingsChange { now, changes: told })
}

/// The services of a server that have these settings.
fn mail_services(server: &Server) -> impl Iterator<Item = &'static str> {
    let of = |role, service| server.has(role).then_some(service);
    [of(Role::Mailbox, "backend"), of(Role::ClientAccess, "frontend")].into_iter().flatten()
}
