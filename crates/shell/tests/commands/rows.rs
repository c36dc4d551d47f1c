//! What the agent of the script knows.

use admin_api::rows::{
    Address, AgentPresence, Allowed, AuditRow, Block, Candidate, ComponentRow, ComponentState, CopyRow,
    CopyState, DatabaseRow, DatabaseState, Maintenance, MoveRow, MoveState, Power, RestartRow, ServerRole,
    ServerRow, ServiceRow, ServiceState, StateRequest, Token, Traffic, UserMoveRow, UserMoveState,
};
use admin_api::{Moment, Role};

fn at(time: &str) -> Moment {
    Moment::parse(&format!("2026-01-31T{time}Z")).unwrap()
}

fn copy(database: &str, server: &str, state: CopyState, preference: u32, why: &str) -> CopyRow {
    CopyRow {
        database: database.into(),
        server: server.into(),
        state,
        active: state == CopyState::Mounted,
        preference,
        copy_queue: 0,
        replay_queue: 0,
        shared: true,
        since: Some(at("08:00:00.5")),
        why: why.into(),
    }
}

pub(crate) fn copies() -> Vec<CopyRow> {
    vec![
        copy("DB01", "mbx1", CopyState::Mounted, 1, "assigned at the founding"),
        copy("DB01", "mbx2", CopyState::ServiceDown, 2, "the back end does not run"),
        copy("DB02", "mbx1", CopyState::Suspended, 2, "blocked by anna"),
    ]
}

pub(crate) fn databases() -> Vec<DatabaseRow> {
    let database = |name: &str, state, mounted_on: Option<&str>, moving| DatabaseRow {
        name: name.into(),
        mounted_on: mounted_on.map(str::to_owned),
        state,
        preferred: "mbx1".into(),
        copies: vec!["mbx1".into(), "mbx2".into()],
        moving,
        token: Some(Token { epoch: 1, revision: 42 }),
        since: at("08:00:00"),
        why: "anna asked".into(),
    };
    vec![
        database("DB01", DatabaseState::Mounted, Some("mbx1"), None),
        database("DB02", DatabaseState::Dismounted, None, Some(moving("DB02", MoveState::Mounting))),
    ]
}

pub(crate) fn moving(database: &str, state: MoveState) -> MoveRow {
    let outcome = match state {
        MoveState::Succeeded => Some(format!("{database} is mounted on mbx2")),
        MoveState::Refused => Some("no copy is fit".to_owned()),
        _ => None,
    };
    MoveRow {
        id: "17".into(),
        database: database.into(),
        from: Some("mbx1".into()),
        to: Some("mbx2".into()).filter(|_| state != MoveState::Refused),
        by: "anna".into(),
        reason: Some("new disk".into()),
        requested: at("08:00:00"),
        state,
        outcome,
        took_millis: (state == MoveState::Succeeded).then_some(1_250),
        candidates: vec![
            Candidate { server: "mbx1".into(), fit: false, why: "has it".into() },
            Candidate {
                server: "mbx2".into(),
                fit: state != MoveState::Refused,
                why: if state == MoveState::Refused { "blocked by bert" } else { "its copy is healthy" }
                    .into(),
            },
        ],
    }
}

pub(crate) fn servers() -> Vec<ServerRow> {
    let server = |name: &str, roles: &[ServerRole], address: &str| ServerRow {
        name: name.into(),
        roles: roles.to_vec(),
        address: address.into(),
        power: Power::On,
        agent: AgentPresence::Present,
        boot_id: Some("b1".into()),
        since: Some(at("07:00:00")),
        active_databases: Vec::new(),
        sessions: Some(12),
        blocks: Vec::new(),
        maintenance: None,
        components: Vec::new(),
    };
    let mut mbx1 = server("mbx1", &[ServerRole::Mailbox], "127.0.0.21");
    mbx1.active_databases = vec!["DB01".into(), "DB02".into()];
    mbx1.blocks = vec![
        Block {
            requester: "anna".into(),
            reason: Some("new kernel".into()),
            at: at("08:00:00"),
            move_now: true,
        },
        Block { requester: "recovery".into(), reason: None, at: at("08:01:00"), move_now: false },
    ];
    mbx1.maintenance = Some(Maintenance {
        by: "anna".into(),
        reason: Some("new disk".into()),
        since: at("08:00:00"),
        until: at("10:00:00"),
    });
    mbx1.components = components();
    let mut mbx2 = server("mbx2", &[ServerRole::Mailbox], "127.0.0.22");
    (mbx2.power, mbx2.agent) = (Power::Out, AgentPresence::Absent);
    (mbx2.boot_id, mbx2.since, mbx2.sessions) = (None, None, None);
    vec![server("cas1", &[ServerRole::ClientAccess], "127.0.0.1"), mbx1, mbx2]
}

pub(crate) fn allowed() -> Allowed {
    Allowed { server: "mbx1".into(), lifted: true, blocks: servers()[1].blocks[1..].to_vec() }
}

pub(crate) fn restart() -> RestartRow {
    RestartRow {
        id: "1".into(),
        server: "mbx1".into(),
        boot_id: Some("b1".into()),
        outcome: "its power is taken away".into(),
    }
}

pub(crate) fn backend(state: ServiceState, pid: Option<u32>) -> ServiceRow {
    ServiceRow {
        server: "mbx1".into(),
        service: "backend".into(),
        state,
        pid,
        since: Some(at("08:00:00")),
        restarts: 1,
        stopped_by_hand: state == ServiceState::Stopped,
        traffic: pid.map(|_| Traffic::Admitting),
        sessions: pid.map(|_| 12),
        addresses: vec![
            Address { purpose: "pop3".into(), address: "127.0.0.21:1110".into() },
            Address { purpose: "lmtp".into(), address: "127.0.0.21:1024".into() },
        ],
        failure: None,
    }
}

pub(crate) fn components() -> Vec<ComponentRow> {
    let wish = |requester: &str, state, reason: Option<&str>| StateRequest {
        requester: requester.into(),
        state,
        reason: reason.map(str::to_owned),
        at: at("08:00:00"),
    };
    vec![ComponentRow {
        server: "cas1".into(),
        component: "PopProxy".into(),
        state: ComponentState::Draining,
        requests: vec![
            wish("anna", ComponentState::Active, None),
            wish("recovery", ComponentState::Draining, Some("self test fails")),
        ],
    }]
}

pub(crate) fn audit() -> Vec<AuditRow> {
    vec![AuditRow {
        at: at("08:00:00"),
        server: "mbx1".into(),
        who: "anna".into(),
        role: Role::Operator,
        action: "MoveDatabase".into(),
        target: "DB01".into(),
        reason: Some("new disk".into()),
        outcome: "succeeded".into(),
    }]
}

pub(crate) fn user_move(state: UserMoveState, done: u64) -> UserMoveRow {
    UserMoveRow {
        user: "user1@example.com".into(),
        from: "DB01".into(),
        to: "DB02".into(),
        by: "anna".into(),
        reason: None,
        requested: at("08:00:00"),
        state,
        messages_done: done,
        messages_total: Some(100),
        outcome: (state == UserMoveState::Succeeded).then(|| "the mailbox is in DB02".into()),
        took_millis: (state == UserMoveState::Succeeded).then_some(640),
    }
}
