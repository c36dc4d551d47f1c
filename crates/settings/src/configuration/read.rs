//! From TOML to a configuration.

use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    ClusterSections, Configuration, Database, Role, Route, RouteKind, Sections, Server, TargetIdentity,
    TargetTls, ThirdParty, Verification, check,
};
use crate::document::Document;
use crate::layer::Layer;
use crate::problem::{Problems, nearest};
use crate::section::Section;
use crate::sections::{CoordinatorSettings, PlacementSettings};
use crate::value::{DatabaseName, FilePath, HostName, Invalid, ServerName, Target, Value, quoted};

/// Where the things of a configuration are in its text, for what is checked once all are read.
#[derive(Default)]
pub(super) struct Places {
    pub(super) servers: Vec<Range<usize>>,
    /// For each database: its name, and each of its copies.
    pub(super) databases: Vec<(Range<usize>, Vec<Range<usize>>)>,
    pub(super) routes: Vec<Range<usize>>,
    /// For each target: its name, and each of the servers that watch it.
    pub(super) targets: Vec<(Range<usize>, Vec<Range<usize>>)>,
    /// Whether there are targets that could not be read.
    pub(super) targets_are_missing: bool,
    pub(super) coordinator: Range<usize>,
    pub(super) placement: Range<usize>,
}

pub(super) fn configuration(text: &str, file: &str) -> Result<Configuration, Problems> {
    let (mut document, table) = Document::open(text, file);
    let reader = Reader { document: &mut document, file };
    let (configuration, places) = reader.configuration(&table);
    check::references(&configuration, &places, &mut document);
    document.finish(configuration)
}

struct Reader<'d, 'a> {
    document: &'d mut Document<'a>,
    file: &'d str,
}

/// A table whose keys are taken out one by one; what remains at the end is unknown.
struct Fields<'v, 't> {
    name: &'static str,
    at: Range<usize>,
    table: &'v DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'v, 't> Fields<'v, 't> {
    fn new(name: &'static str, at: Range<usize>, table: &'v DeTable<'t>) -> Self {
        Self { name, at, table, known: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<&'v Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }

    fn optional<T: Value>(&mut self, document: &mut Document<'_>, key: &'static str) -> Option<T> {
        self.take(key).and_then(|value| document.value(value))
    }

    fn required<T: Value>(&mut self, document: &mut Document<'_>, key: &'static str) -> Option<T> {
        let value = self.take(key);
        if value.is_none() {
            let message = format!("{} has no {key}", self.name);
            document.problem(self.at.clone(), message, format!("write {key} = {}", T::example()));
        }
        value.and_then(|value| document.value(value))
    }

    fn finish(self, document: &mut Document<'_>) {
        for key in self.table.keys() {
            if !self.known.contains(&key.get_ref().as_ref()) {
                document.unknown_key(key.span(), key.get_ref(), self.known.iter().copied());
            }
        }
    }
}

impl Reader<'_, '_> {
    /// What could be read, and where it was.
    fn configuration(mut self, table: &DeTable<'_>) -> (Configuration, Places) {
        let mut places = Places::default();
        let mut top = Fields::new("the configuration", 0..0, table);
        let default_realm = self.default_realm(&mut top);
        let shared = self.sections(&mut top);
        let cluster =
            ClusterSections { coordinator: self.section(&mut top), placement: self.section(&mut top) };
        places.coordinator = place_of::<CoordinatorSettings>(table);
        places.placement = place_of::<PlacementSettings>(table);
        if table.get("server").is_none() {
            let instead = "write [[server]] and below it name, roles and address";
            self.document.problem(0..0, "there is no [[server]]", instead);
        }
        let mut servers = Vec::new();
        for (at, table) in tables(self.document, &mut top, "server") {
            if let Some(server) = self.server(at.clone(), table) {
                servers.push(server);
                places.servers.push(at);
            }
        }
        let mut databases = Vec::new();
        for (at, table) in tables(self.document, &mut top, "database") {
            if let Some((database, copies)) = read_database(self.document, at.clone(), table) {
                databases.push(database);
                places.databases.push((at, copies));
            }
        }
        let mut routes = Vec::new();
        for (at, table) in tables(self.document, &mut top, "route") {
            if let Some(route) = read_route(self.document, at.clone(), table) {
                routes.push(route);
                places.routes.push(at);
            }
        }
        let mut targets = Vec::new();
        for (at, table) in tables(self.document, &mut top, "target") {
            if let Some((target, observers)) = read_target(self.document, at.clone(), table) {
                targets.push(target);
                places.targets.push((at, observers));
            } else {
                places.targets_are_missing = true;
            }
        }
        top.finish(self.document);
        (Configuration { default_realm, servers, databases, routes, targets, shared, cluster }, places)
    }

    /// The default realm. One that is missing is told, and something stands in for it while the rest is read.
    fn default_realm(&mut self, top: &mut Fields<'_, '_>) -> HostName {
        const STAND_IN: &str = "localhost";
        let value = top.take("organisation");
        if value.is_none() {
            let instead = "write [organisation] and below it default-realm = \"example.com\"";
            self.document.problem(0..0, "there is no [organisation]", instead);
        }
        let table = value.and_then(|value| Some((value.span(), self.document.table(value, "organisation")?)));
        let realm = table.and_then(|(at, table)| {
            let mut fields = Fields::new("[organisation]", at, table);
            let realm = fields.required(self.document, "default-realm");
            fields.finish(self.document);
            realm
        });
        realm.unwrap_or_else(|| HostName::from_checked(STAND_IN))
    }

    fn sections(&mut self, fields: &mut Fields<'_, '_>) -> Sections {
        Sections {
            pop: self.section(fields),
            session: self.section(fields),
            log_in: self.section(fields),
            peers: self.section(fields),
            delivery: self.section(fields),
            inner: self.section(fields),
            ready: self.section(fields),
            health: self.section(fields),
            log: self.section(fields),
            init: self.section(fields),
            api: self.section(fields),
            power: self.section(fields),
            recovery: self.section(fields),
            escalation: self.section(fields),
        }
    }

    fn section<S: Section>(&mut self, fields: &mut Fields<'_, '_>) -> Layer<S> {
        let Some(value) = fields.take(S::KEY) else { return Layer::default() };
        let table = self.document.table(value, S::KEY);
        table.map_or_else(Layer::default, |table| Layer::read(self.document, table, self.file))
    }

    fn server(&mut self, at: Range<usize>, table: &DeTable<'_>) -> Option<Server> {
        let mut fields = Fields::new("this [[server]]", at, table);
        let name = fields.required::<ServerName>(self.document, "name");
        let roles = fields.required::<Vec<Role>>(self.document, "roles");
        let address = fields.required::<IpAddr>(self.document, "address");
        let host_name = fields.optional::<HostName>(self.document, "host-name");
        let aliases = fields.optional::<Vec<ServerName>>(self.document, "aliases").unwrap_or_default();
        let own = self.sections(&mut fields);
        for key in [CoordinatorSettings::KEY, PlacementSettings::KEY] {
            if let Some(value) = fields.take(key) {
                let message = format!("[{key}] is the same for the whole cluster: no server may differ");
                self.document.problem(
                    value.span(),
                    message,
                    format!("write [{key}] instead of [server.{key}]"),
                );
            }
        }
        fields.finish(self.document);
        let name = name?;
        Some(Server {
            roles: roles?,
            address: address?,
            host_name_given: host_name.is_some(),
            host_name: host_name.unwrap_or_else(|| HostName::from(&name)),
            aliases,
            own,
            name,
        })
    }
}

/// Where a section is; the beginning of the text if it is nowhere.
fn place_of<S: Section>(table: &DeTable<'_>) -> Range<usize> {
    table.get(S::KEY).map_or(0..0, Spanned::span)
}

fn tables<'v, 't>(
    document: &mut Document<'_>,
    fields: &mut Fields<'v, 't>,
    name: &'static str,
) -> Vec<(Range<usize>, &'v DeTable<'t>)> {
    fields.take(name).map_or_else(Vec::new, |value| document.tables(value, name))
}

fn read_database(
    document: &mut Document<'_>,
    at: Range<usize>,
    table: &DeTable<'_>,
) -> Option<(Database, Vec<Range<usize>>)> {
    let mut fields = Fields::new("this [[database]]", at, table);
    let name = fields.required::<DatabaseName>(document, "name");
    let copies = fields.required::<Vec<ServerName>>(document, "copies");
    let places = places_of_items(table, "copies");
    if let (Some(value), Some([])) = (table.get("copies"), copies.as_deref()) {
        document.problem(
            value.span(),
            "a database without a copy cannot be mounted",
            "write the names of mailbox servers",
        );
    }
    fields.finish(document);
    Some((Database { name: name?, copies: copies? }, places))
}

fn read_route(document: &mut Document<'_>, at: Range<usize>, table: &DeTable<'_>) -> Option<Route> {
    let mut fields = Fields::new("this [[route]]", at.clone(), table);
    let name = fields.required::<DatabaseName>(document, "name");
    let word = fields.required::<RouteWord>(document, "kind");
    let address = fields.required::<Target>(document, "address");
    let protection = fields.required::<TlsWord>(document, "tls");
    let domains = fields.optional::<Vec<HostName>>(document, "domains").unwrap_or_default();
    let kind = match word {
        Some(RouteWord::PassThrough) => {
            refuse(document, table, "credentials", "a pass-through route logs in with what the user gives");
            Some(RouteKind::PassThrough)
        }
        Some(RouteWord::Own) => {
            let at = table.get("kind").map_or(at, Spanned::span);
            document.problem(at, "our own databases need no route", "take this [[route]] out");
            None
        }
        Some(RouteWord::Master) => {
            refuse(document, table, "domains", "a master route serves only users that the directory knows");
            fields
                .required::<FilePath>(document, "credentials")
                .map(|credentials| RouteKind::Master { credentials })
        }
        None => None,
    };
    let tls = match protection {
        Some(TlsWord::Plain) => {
            refuse(document, table, "ca", "a route without TLS has nothing to verify");
            refuse(document, table, "server-name", "a route without TLS has nothing to verify");
            Some(TargetTls::Plain)
        }
        Some(word) => {
            let ca = fields.required::<FilePath>(document, "ca");
            let name = fields.optional::<HostName>(document, "server-name");
            ca.map(|ca| TargetIdentity { ca, name }).map(|identity| match word {
                TlsWord::Implicit => TargetTls::Implicit(identity),
                TlsWord::Stls | TlsWord::Plain => TargetTls::Stls(identity),
            })
        }
        None => None,
    };
    fields.known.extend(["credentials", "ca", "server-name"]);
    fields.finish(document);
    Some(Route { name: name?, kind: kind?, address: address?, tls: tls?, domains })
}

fn read_target(
    document: &mut Document<'_>,
    at: Range<usize>,
    table: &DeTable<'_>,
) -> Option<(ThirdParty, Vec<Range<usize>>)> {
    let mut fields = Fields::new("this [[target]]", at, table);
    let name = fields.required::<DatabaseName>(document, "name");
    let address = fields.required::<Target>(document, "address");
    let protection = fields.required::<TlsWord>(document, "tls");
    let credentials = fields.optional::<FilePath>(document, "credentials");
    let delivery = fields.optional::<Target>(document, "delivery");
    if let (Some(value), None) = (table.get("delivery"), table.get("credentials")) {
        document.problem(
            value.span(),
            "a message would be delivered that nobody fetches",
            "write credentials = the file with a user's name and password",
        );
    }
    let watched_from = fields.optional::<Vec<ServerName>>(document, "watched-from").unwrap_or_default();
    let ca = fields.optional::<FilePath>(document, "ca");
    let server_name = fields.optional::<HostName>(document, "server-name");
    if protection == Some(TlsWord::Plain) {
        refuse(document, table, "ca", "without TLS there is nothing to verify");
        refuse(document, table, "server-name", "without TLS there is nothing to verify");
    }
    fields.finish(document);
    let verification = Verification { ca, name: server_name };
    let tls = match protection? {
        TlsWord::Plain => TargetTls::Plain,
        TlsWord::Stls => TargetTls::Stls(verification),
        TlsWord::Implicit => TargetTls::Implicit(verification),
    };
    let target = ThirdParty { name: name?, address: address?, tls, credentials, delivery, watched_from };
    Some((target, places_of_items(table, "watched-from")))
}

/// Where the items of an array are.
fn places_of_items(table: &DeTable<'_>, key: &str) -> Vec<Range<usize>> {
    let items = table.get(key).and_then(|value| value.get_ref().as_array());
    items.map(|items| items.iter().map(Spanned::span).collect()).unwrap_or_default()
}

/// A key that contradicts another one.
fn refuse(document: &mut Document<'_>, table: &DeTable<'_>, key: &str, why: &str) {
    if let Some((key, _)) = table.get_key_value(key) {
        document.problem(
            key.span(),
            format!("{} is not possible here: {why}", key.get_ref()),
            "take the line out",
        );
    }
}

/// Words that only this file knows.
macro_rules! word {
    ($type:ty, $($word:literal => $value:expr),+) => {
        impl Value for $type {
            fn example() -> String {
                [$($word),+].map(quoted).join(" or ")
            }

            fn parse(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($word => Ok($value),)+
                    _ => {
                        let instead = nearest(text, [$($word),+].into_iter()).map_or_else(Self::example, quoted);
                        Err(Invalid::new(format!("{} is not possible here", quoted(text)), format!("write {instead}")))
                    }
                }
            }

            fn text(&self) -> String {
                let words = [$(($word, $value)),+];
                words.into_iter().find(|(_, value)| value == self).map_or_else(String::new, |(word, _)| word.into())
            }
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum RouteWord {
    Own,
    PassThrough,
    Master,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TlsWord {
    Plain,
    Stls,
    Implicit,
}

word!(Role, "client-access" => Role::ClientAccess, "mailbox" => Role::Mailbox);
word!(RouteWord, "pass-through" => RouteWord::PassThrough, "master" => RouteWord::Master, "own" => RouteWord::Own);
word!(TlsWord, "none" => TlsWord::Plain, "stls" => TlsWord::Stls, "implicit" => TlsWord::Implicit);
