//! `Get-MailboxServer` and `Set-MailboxServer`: whether databases may be activated on a server, and who says no.

use admin_api::routes::{AllowServer, BlockServer, DrainServer, Servers, ShowServer};
use admin_api::rows::{Reason, ServerRole, ServerRow};
use admin_api::{Kind as ProblemKind, Nothing, Problem};

use super::rows::{pascal, values};
use super::{Cmdlet, Kind, Parameter, Position, Session};
use crate::failure::{Failure, Outcome};
use crate::language::Mistake;
use crate::moves::{have_succeeded, until_over};
use crate::patience::Patience;
use crate::screen::Format;
use crate::server::block;
use crate::values::Object;

pub(super) const GET: Cmdlet = Cmdlet {
    name: "Get-MailboxServer",
    aliases: &[],
    summary: "Shows mailbox servers: what is active there, and who blocks activation",
    parameters: || {
        vec![Parameter::new("Identity", Kind::Text, "Only this server").or(&["Server"]).positional()]
    },
    examples: &["Get-MailboxServer", "Get-MailboxServer mbx1 | Format-List"],
    position: Position::First,
    prepare: |given| {
        let identity = given.text("Identity");
        Ok(Box::new(move |session, _| {
            let agents = session.agents()?;
            let object = |row| object(session, &row);
            let Some(server) = identity else {
                let mut listing = agents.get(&Servers {}, &Nothing {})?;
                listing.rows.retain(|row| row.roles.contains(&ServerRole::Mailbox));
                return Ok(values(session, listing, object));
            };
            let row = agents.get(&ShowServer { server }, &Nothing {})?;
            if !row.roles.contains(&ServerRole::Mailbox) {
                let what = format!("{} is no mailbox server", row.name);
                return Err(Failure::from(Problem::new(ProblemKind::BadInput, what)).into());
            }
            Ok(vec![object(row).into()])
        }))
    },
};

fn object(session: &Session<'_>, row: &ServerRow) -> Object {
    let policy = if row.blocks.is_empty() { UNRESTRICTED } else { BLOCKED };
    let requesters: Vec<_> = row.blocks.iter().map(|block| block.requester.clone()).collect();
    let blocks: Vec<_> = row.blocks.iter().map(|by| block(by, session.screen)).collect();
    let columns = &["Name", MOVE_NOW, POLICY, "BlockedBy", "ActiveDatabases"];
    Object::shown_by(columns)
        .with("Name", row.name.as_str())
        .with(MOVE_NOW, row.blocks.iter().any(|block| block.move_now))
        .with(POLICY, policy)
        .with("BlockedBy", requesters)
        .with("Blocks", blocks)
        .with("ActiveDatabases", row.active_databases.clone())
        .with("Address", row.address.as_str())
        .with("Power", pascal(row.power.word()))
        .with("Agent", pascal(row.agent.word()))
        .with("BootId", row.boot_id.clone())
        .with("Since", row.since.as_ref())
        .with("Sessions", row.sessions)
        .with("MaintenanceUntil", row.maintenance.as_ref().map(|maintenance| &maintenance.until))
}

const MOVE_NOW: &str = "DatabaseCopyActivationDisabledAndMoveNow";
const POLICY: &str = "DatabaseCopyAutoActivationPolicy";
const BLOCKED: &str = "Blocked";
const UNRESTRICTED: &str = "Unrestricted";

pub(super) const SET: Cmdlet = Cmdlet {
    name: "Set-MailboxServer",
    aliases: &[],
    summary: "Blocks activation of databases on a server in your name, or lifts your block",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, "The server").or(&["Server"]).positional().mandatory(),
            Parameter::new(
                MOVE_NOW,
                Kind::Boolean,
                "$true: nothing is activated there, and what is active moves away. $false: your block is lifted; bringing \
                 databases back is a step of its own, Move-ActiveMailboxDatabase",
            ),
            Parameter::new(
                POLICY,
                Kind::Word(&[BLOCKED, UNRESTRICTED]),
                "Blocked: nothing is activated there, and what is active stays. Unrestricted: your block is lifted",
            ),
            Parameter::new("Comment", Kind::Text, "Why, for those who look later").or(&["Reason"]),
            Parameter::new(
                "Limit",
                Kind::Span,
                "How long to wait for databases that move; 2 minutes if you do not say",
            ),
        ]
    },
    examples: &[
        "Set-MailboxServer -Identity mbx1 -DatabaseCopyActivationDisabledAndMoveNow $true",
        "Set-MailboxServer mbx1 -DatabaseCopyAutoActivationPolicy Unrestricted",
    ],
    position: Position::First,
    prepare: |given| {
        let wish = match (given.boolean(MOVE_NOW), given.text(POLICY).as_deref()) {
            (Some(true), None | Some(BLOCKED)) => Wish::Drain,
            (None | Some(false), Some(BLOCKED)) => Wish::Block,
            (None | Some(false), Some(_)) | (Some(false), None) => Wish::Allow,
            (Some(true), Some(_)) => {
                let what = "activation cannot be disabled and unrestricted";
                return Err(Mistake::new(given.place(POLICY), what, "leave one of the two out"));
            }
            (None, None) => {
                let instead = format!("write -{MOVE_NOW} $true|$false or -{POLICY} {BLOCKED}|{UNRESTRICTED}");
                return Err(Mistake::new(given.command, "nothing is to be set", instead));
            }
        };
        let (server, reason) = (given.needed("Identity"), Reason { reason: given.text("Comment") });
        let patience = Patience::with(given.span("Limit"));
        Ok(Box::new(move |session, _| {
            wish.carry_out(session, server, &reason, patience)?;
            Ok(Vec::new())
        }))
    },
};

/// What is wished of a server.
enum Wish {
    /// Nothing is activated there, and what is active leaves.
    Drain,
    /// Nothing is activated there.
    Block,
    /// The caller does not mind.
    Allow,
}

impl Wish {
    fn carry_out(
        &self,
        session: &Session<'_>,
        server: String,
        reason: &Reason,
        patience: Patience,
    ) -> Outcome {
        let (agents, screen) = (session.agents()?, session.screen);
        match self {
            Self::Drain => {
                let mut moves = agents.send(&DrainServer { server }, reason)?.rows;
                until_over(agents, screen, session.format != Format::Json, patience, &mut moves)?;
                have_succeeded(&moves)
            }
            Self::Block => agents.send(&BlockServer { server }, reason).map(|_| ()),
            Self::Allow => {
                let allowed = agents.send(&AllowServer { server }, reason)?;
                if !allowed.lifted {
                    screen.note(format_args!("{}: you have no block there", allowed.server));
                }
                for other in &allowed.blocks {
                    screen.note(format_args!("still blocked by {}", block(other, screen)));
                }
                Ok(())
            }
        }
    }
}
