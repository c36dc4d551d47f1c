//! The documentation of all settings, made of the tables that drive them.

use crate::section::Section;
use crate::sections::{
    ApiSettings, CoordinatorSettings, DeliverySettings, EscalationSettings, HealthSettings, InitSettings,
    InnerSettings, LogInSettings, LogSettings, PeerSettings, PlacementSettings, PopSettings, PowerSettings,
    ReadySettings, RecoverySettings, SessionSettings,
};

/// Every setting of every section, as Markdown.
pub fn reference() -> String {
    [
        section::<PopSettings>(),
        section::<SessionSettings>(),
        section::<LogInSettings>(),
        section::<PeerSettings>(),
        section::<DeliverySettings>(),
        section::<InnerSettings>(),
        section::<ReadySettings>(),
        section::<HealthSettings>(),
        section::<LogSettings>(),
        section::<InitSettings>(),
        section::<ApiSettings>(),
        section::<PowerSettings>(),
        section::<RecoverySettings>(),
        section::<EscalationSettings>(),
        section::<CoordinatorSettings>(),
        section::<PlacementSettings>(),
    ]
    .join("\n")
}

fn section<S: Section>() -> String {
    let mut text = format!(
        "## `[{}]`\n\n{}\n\n| key | name | default | values | what it does |\n|---|---|---|---|---|\n",
        S::KEY,
        line(S::DOC)
    );
    let defaults = S::default();
    for setting in S::settings() {
        let default = (setting.toml)(&defaults);
        let cells =
            [&code(setting.key), setting.name, &code(&default), &setting.allowed(), &line(setting.doc)];
        text.push_str(&["| ", &cells.map(|cell| cell.replace('|', "\\|")).join(" | "), " |\n"].concat());
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A doc text on one line.
fn line(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
