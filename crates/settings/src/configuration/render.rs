//! From a configuration to the text of its file, every setting explained.

use super::{
    ClusterSections, Configuration, Database, Route, RouteKind, Sections, Server, TargetTls, ThirdParty,
};
use crate::layer::Layer;
use crate::section::Section;
use crate::value::Value;

const HEAD: &str = "\
# The configuration of mailmedic. `mailmedic config check` reads it and tells what is wrong.
#
# Lines that begin with #: are settings that nobody changed, with their defaults. What `mailmedic pop settings set` stores
# for a server wins over this file; `mailmedic config show --origin` tells which value holds and why.

[organisation]
# The domain of users and recipients that are written without one.
";

pub(super) fn configuration(configuration: &Configuration) -> String {
    let Configuration { default_realm, servers, databases, routes, targets, shared, cluster } = configuration;
    let mut text = format!("{HEAD}default-realm = {}\n", default_realm.toml());
    text.extend(servers.iter().map(server));
    text.extend(databases.iter().map(database));
    text.extend(routes.iter().map(route));
    text.extend(targets.iter().map(target));
    let ClusterSections { coordinator, placement } = cluster;
    text.push_str("\n# The cluster as a whole: in these settings no server may differ.\n");
    text.push_str(&explained(coordinator));
    text.push_str(&explained(placement));
    text.push_str("\n# From here on: settings of all servers. A server that differs has them below its [[server]], as [server.pop].\n");
    text.push_str(&explained(&shared.pop));
    text.push_str(&explained(&shared.session));
    text.push_str(&explained(&shared.log_in));
    text.push_str(&explained(&shared.peers));
    text.push_str(&explained(&shared.delivery));
    text.push_str(&explained(&shared.inner));
    text.push_str(&explained(&shared.ready));
    text.push_str(&explained(&shared.health));
    text.push_str(&explained(&shared.log));
    text.push_str(&explained(&shared.init));
    text.push_str(&explained(&shared.api));
    text.push_str(&explained(&shared.power));
    text.push_str(&explained(&shared.recovery));
    text.push_str(&explained(&shared.escalation));
    text
}

fn line(key: &str, value: &impl Value) -> String {
    format!("{key} = {}\n", value.toml())
}

fn server(server: &Server) -> String {
    let Server { name, roles, address, host_name, aliases, host_name_given, own } = server;
    let mut text = String::from(
        "\n# A machine. Its roles: \"client-access\" (clients connect to it), \"mailbox\" (it holds mail), or both.\n[[server]]\n",
    );
    text.push_str(&line("name", name));
    text.push_str(&line("roles", roles));
    text.push_str(&line("address", address));
    if *host_name_given {
        text.push_str(&line("host-name", host_name));
    }
    if !aliases.is_empty() {
        text.push_str(&line("aliases", aliases));
    }
    let Sections {
        pop,
        session,
        log_in,
        peers,
        delivery,
        inner,
        ready,
        health,
        log,
        init,
        api,
        power,
        recovery,
        escalation,
    } = own;
    text.push_str(&given(pop));
    text.push_str(&given(session));
    text.push_str(&given(log_in));
    text.push_str(&given(peers));
    text.push_str(&given(delivery));
    text.push_str(&given(inner));
    text.push_str(&given(ready));
    text.push_str(&given(health));
    text.push_str(&given(log));
    text.push_str(&given(init));
    text.push_str(&given(api));
    text.push_str(&given(power));
    text.push_str(&given(recovery));
    text.push_str(&given(escalation));
    text
}

fn database(database: &Database) -> String {
    format!(
        "\n# A set of mailboxes that lives and moves as one, and the servers that can mount it, the preferred one first.\n\
         [[database]]\n{}{}",
        line("name", &database.name),
        line("copies", &database.copies)
    )
}

fn route(route: &Route) -> String {
    let Route { name, kind, address, tls, domains } = route;
    let mut text = String::from(
        "\n# A third-party back end. A user whose database has its name is sent there.\n[[route]]\n",
    );
    text.push_str(&line("name", name));
    match kind {
        RouteKind::PassThrough => text.push_str("kind = \"pass-through\"\n"),
        RouteKind::Master { credentials } => {
            text.push_str("kind = \"master\"\n");
            text.push_str(&line("credentials", credentials));
        }
    }
    text.push_str(&line("address", address));
    let (word, identity) = match tls {
        TargetTls::Plain => ("tls = \"none\"\n", None),
        TargetTls::Stls(identity) => ("tls = \"stls\"\n", Some(identity)),
        TargetTls::Implicit(identity) => ("tls = \"implicit\"\n", Some(identity)),
    };
    text.push_str(word);
    if let Some(identity) = identity {
        text.push_str(&line("ca", &identity.ca));
        text.extend(identity.name.iter().map(|name| line("server-name", name)));
    }
    if !domains.is_empty() {
        text.push_str(&line("domains", domains));
    }
    text
}

fn target(target: &ThirdParty) -> String {
    let ThirdParty { name, address, tls, credentials, delivery, watched_from } = target;
    let mut text = String::from(
        "\n# A POP3 server that is not ours, and is watched as its clients see it.\n[[target]]\n",
    );
    text.push_str(&line("name", name));
    text.push_str(&line("address", address));
    let (word, verification) = match tls {
        TargetTls::Plain => ("tls = \"none\"\n", None),
        TargetTls::Stls(verification) => ("tls = \"stls\"\n", Some(verification)),
        TargetTls::Implicit(verification) => ("tls = \"implicit\"\n", Some(verification)),
    };
    text.push_str(word);
    if let Some(verification) = verification {
        text.extend(verification.ca.iter().map(|ca| line("ca", ca)));
        text.extend(verification.name.iter().map(|name| line("server-name", name)));
    }
    text.extend(credentials.iter().map(|file| line("credentials", file)));
    text.extend(delivery.iter().map(|delivery| line("delivery", delivery)));
    if !watched_from.is_empty() {
        text.push_str(&line("watched-from", watched_from));
    }
    text
}

/// What a server has of its own in one section.
fn given<S: Section>(layer: &Layer<S>) -> String {
    if layer.is_empty() { String::new() } else { format!("\n[server.{}]\n{}", S::KEY, layer.to_toml()) }
}

/// A section with all its settings and what each does.
fn explained<S: Section>(layer: &Layer<S>) -> String {
    let mut text = String::from("\n");
    text.push_str(&comment(S::DOC));
    text.push_str(&["[", S::KEY, "]\n"].concat());
    let defaults = S::default();
    for (index, setting) in S::settings().iter().enumerate() {
        text.push_str(&comment(setting.doc));
        let (mark, values) = if layer.gives(index) { ("", layer.values()) } else { ("#: ", &defaults) };
        text.push_str(&[mark, setting.key, " = ", &(setting.toml)(values), "\n"].concat());
    }
    text
}

/// The lines of a doc text, which begin with a space, as comments.
fn comment(doc: &str) -> String {
    doc.lines().flat_map(|line| ["#", line, "\n"]).collect()
}
