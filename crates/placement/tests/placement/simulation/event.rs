//! What may happen to a cluster between one second and the next, made of numbers.

pub(super) const SERVERS: [&str; 3] = ["mbx1", "mbx2", "mbx3"];
pub(super) const DATABASES: [(&str, &[&str]); 3] =
    [("DB01", &["mbx1", "mbx2"]), ("DB02", &["mbx2", "mbx1", "mbx3"]), ("DB03", &["mbx3"])];
pub(super) const REQUESTERS: [&str; 3] = ["alice", "bob", "recovery-17"];

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    AgentDies(usize),
    AgentReturns(usize),
    BackEndDies(usize),
    /// Its process is stopped: it keeps what it holds, and may go on later where it was.
    BackEndHangs(usize),
    BackEndGoesOn(usize),
    /// It does not dismount any more.
    BackEndClings(usize),
    PowerGoes(usize),
    MountsFail(usize),
    MountsWork(usize),
    /// Asked for through the check, as the API does.
    Move {
        of: usize,
        to: Option<usize>,
        by: usize,
        force: bool,
    },
    /// Written without the check.
    MoveUnchecked {
        of: usize,
        to: usize,
    },
    MoveVanishes(usize),
    Block {
        on: usize,
        by: usize,
        move_now: bool,
    },
    Lift {
        on: usize,
        by: usize,
    },
    Maintain(usize),
    MaintainNoMore(usize),
    Drain(usize),
    DrainNoMore(usize),
    HumanDismounts(usize),
    HumanMounts(usize),
    /// It has seen nothing of what the last one saw.
    LeaderChanges,
    CoordinatorGoes {
        seconds: u64,
    },
    /// It begins another life: every token is another.
    CoordinatorIsRestored,
    StepsAreLost {
        steps: usize,
    },
    StepsAreLate {
        seconds: u64,
    },
}

impl Event {
    pub(super) fn from_numbers(kind: u8, a: u8, b: u8) -> Self {
        let (s, d) = (usize::from(a) % SERVERS.len(), usize::from(a) % DATABASES.len());
        let (to, by) = (usize::from(b) % SERVERS.len(), usize::from(b / 4) % REQUESTERS.len());
        match kind % 27 {
            0 => Self::AgentDies(s),
            1 => Self::AgentReturns(s),
            2 => Self::BackEndDies(s),
            3 => Self::BackEndHangs(s),
            4 => Self::BackEndGoesOn(s),
            5 => Self::BackEndClings(s),
            6 => Self::PowerGoes(s),
            7 => Self::MountsFail(s),
            8 => Self::MountsWork(s),
            9 | 10 => Self::Move { of: d, to: Some(to), by, force: b > 200 },
            11 => Self::Move { of: d, to: None, by, force: false },
            12 => Self::MoveUnchecked { of: d, to },
            13 => Self::MoveVanishes(d),
            14 => Self::Block { on: s, by: to, move_now: b > 100 },
            15 => Self::Lift { on: s, by: to },
            16 => Self::Maintain(s),
            17 => Self::MaintainNoMore(s),
            18 => Self::Drain(s),
            19 => Self::DrainNoMore(s),
            20 => Self::HumanDismounts(d),
            21 => Self::HumanMounts(d),
            22 => Self::LeaderChanges,
            23 => Self::CoordinatorGoes { seconds: u64::from(b % 30) },
            24 => Self::CoordinatorIsRestored,
            25 => Self::StepsAreLost { steps: to + 1 },
            _ => Self::StepsAreLate { seconds: u64::from(b % 20) },
        }
    }
}
