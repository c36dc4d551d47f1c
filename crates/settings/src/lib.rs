//! Everything an operator can set, as checked values.
//!
//! A [`Configuration`] is the text of the configuration file after every rule has been applied to it: whoever holds one
//! need not check again. What is wrong with a text is told all at once, as [`Problem`]s with line, column and what to write
//! instead. A [`Section`] is a group of settings described by one table, which drives reading, writing, `get`, `set` and the
//! documentation; [`PopSettings`] is the one whose names administrators know. Values are layered: default, then file, then
//! what `set` stored, each with its [`Origin`].
//!
//! Pure: text in, values out. It opens no files and knows no clock.

pub mod configuration;
mod data_directory;
mod document;
mod layer;
mod problem;
mod reference;
mod section;
mod sections;
pub mod value;

pub use configuration::{
    ClusterSettings, Configuration, Database, Listens, LoopbackPorts, OneMachine, Role, Route, RouteKind,
    Server,
};
pub use configuration::{ServerSettings, TargetIdentity, TargetTls, ThirdParty, Verification};
pub use data_directory::{CoordinatorFolder, DataDirectory, ServerFolder};
pub use layer::{Layer, Layered, Origin, Row};
pub use problem::{Problem, Problems, nearest};
pub use reference::reference;
pub use section::{Section, Setting};
pub use sections::{
    ApiSettings, CoordinatorSettings, DeliverySettings, EscalationSettings, HealthSettings, InitSettings,
    InnerSettings, LogInSettings, LogSettings, PeerSettings, PlacementSettings, PopSettings, PowerSettings,
    ReadySettings, RecoverySettings, SessionSettings,
};
pub use value::{
    Banner, Binding, CertificateName, CommandLine, CoordinatorKind, DatabaseName, EtcdEndpoint, FilePath,
    HostName, HttpAddress, Invalid, KeyPrefix, Line, LoginType, Network, NetworkList, PowerKind,
    RecipientDelimiter, RecoveryMode, RollOver, ServerName, ServiceLogLevel, Size, SizeLimit, Span, Target,
    TargetHost, Value,
};
