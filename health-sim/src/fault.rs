//! What goes wrong, and what people do.

use fastrand::Rng;
use placement::record::{Block, Maintenance};
use placement::{RecordKey, Requester, UnixMillis, block, end_maintenance, say_of_health, unblock};
use settings::{DatabaseName, Role, ServerName};

use crate::machine::{Extent, Sick};
use crate::simulation::Simulation;

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Crash {
        server: ServerName,
        service: &'static str,
    },
    CrashLoop {
        server: ServerName,
        service: &'static str,
    },
    Sick {
        server: ServerName,
        service: &'static str,
        sick: Sick,
        extent: Extent,
    },
    /// The same on every server of a role, as a bad deployment does it.
    Deployment {
        role: Role,
    },
    StoreBroken {
        server: ServerName,
    },
    Corrupt {
        database: DatabaseName,
    },
    DirectoryDown {
        seconds: u64,
    },
    CoordinatorLost {
        seconds: u64,
    },
    Hang {
        server: ServerName,
    },
    PowerCut {
        server: ServerName,
    },
    AgentDies {
        server: ServerName,
        seconds: u64,
    },
    Starved {
        server: ServerName,
        seconds: u64,
    },
    PowerBroken {
        server: ServerName,
    },
    Slow {
        server: ServerName,
    },
    ClockJump {
        server: ServerName,
    },
    Heals {
        server: ServerName,
        service: &'static str,
    },
    HumanBlocks {
        server: ServerName,
    },
    HumanUnblocks {
        server: ServerName,
    },
    HumanStops {
        server: ServerName,
        service: &'static str,
    },
    HumanStarts {
        server: ServerName,
        service: &'static str,
    },
    Maintenance {
        server: ServerName,
        begins: bool,
    },
    Brake {
        pulled: bool,
    },
    HandsOff {
        server: ServerName,
        on: bool,
    },
    HumanStopsARecovery {
        server: ServerName,
    },
}

impl Fault {
    /// Any.
    pub(crate) fn any(random: &mut Rng, simulation: &Simulation) -> Self {
        let servers = &simulation.records.world.topology.servers;
        let at = &servers[random.usize(..servers.len())];
        let server = at.name.clone();
        let service = if at.roles.contains(&Role::Mailbox) { "backend" } else { "frontend" };
        let databases = &simulation.records.world.topology.databases;
        match random.u8(..32) {
            0..3 => Self::Crash { server, service },
            3 | 4 => Self::CrashLoop { server, service },
            5 | 6 => Self::Sick { server, service, sick: Sick::UntilRestart, extent: extent(random) },
            7 | 8 => Self::Sick { server, service, sick: Sick::UntilReboot, extent: extent(random) },
            9 => Self::Sick { server, service, sick: Sick::ForGood, extent: extent(random) },
            10 => Self::Deployment { role: if random.bool() { Role::Mailbox } else { Role::ClientAccess } },
            11 => Self::StoreBroken { server },
            12 => Self::Corrupt { database: databases[random.usize(..databases.len())].name.clone() },
            13 => Self::DirectoryDown { seconds: random.u64(5..300) },
            14 => Self::CoordinatorLost { seconds: random.u64(5..300) },
            15 => Self::Hang { server },
            16 => Self::PowerCut { server },
            17 | 18 => Self::AgentDies { server, seconds: random.u64(1..60) },
            19 => Self::Starved { server, seconds: random.u64(5..120) },
            20 => Self::PowerBroken { server },
            21 => Self::Slow { server },
            22 => Self::ClockJump { server },
            23 | 24 => Self::Heals { server, service },
            25 => Self::HumanBlocks { server },
            26 => Self::HumanUnblocks { server },
            27 => Self::HumanStops { server, service },
            28 => Self::HumanStarts { server, service },
            29 => Self::Maintenance { server, begins: random.bool() },
            30 => Self::Brake { pulled: random.bool() },
            _ if random.bool() => Self::HandsOff { server, on: random.bool() },
            _ => Self::HumanStopsARecovery { server },
        }
    }
}

fn extent(random: &mut Rng) -> Extent {
    if random.bool() { Extent::Whole } else { Extent::Sessions }
}

/// A person who has blocks of their own.
pub(crate) fn alice() -> Requester {
    Requester::parse("alice").expect("it is a name")
}

impl Simulation {
    /// It happens.
    pub(crate) fn happen(&mut self, fault: &Fault) {
        self.tell(&format!("-- {fault:?}"));
        let (now, wall) = (self.now, self.wall());
        let there = self.coordinator_is_there();
        match fault {
            Fault::Crash { server, service } => self.machine(server).service(service).die(now),
            Fault::CrashLoop { server, service } => {
                let service = self.machine(server).service(service);
                for _ in 0..3 {
                    service.since.get_or_insert(now);
                    service.die(now);
                }
            }
            Fault::Sick { server, service, sick, extent } => {
                self.machine(server).service(service).sick = Some((*sick, *extent));
            }
            Fault::Deployment { role } => {
                let service = if *role == Role::Mailbox { "backend" } else { "frontend" };
                for server in self.servers_of(*role) {
                    self.machine(&server).service(service).sick = Some((Sick::ForGood, Extent::Whole));
                }
            }
            Fault::StoreBroken { server } => self.machine(server).store_broken = true,
            Fault::Corrupt { database } => drop(self.corrupt.insert(database.clone())),
            Fault::DirectoryDown { seconds } => self.directory_returns = now + seconds,
            Fault::CoordinatorLost { seconds } => self.coordinator_returns = now + seconds,
            Fault::Hang { server } => self.machine(server).hung = true,
            Fault::PowerCut { server } => self.machine(server).lose_power(now + 20),
            Fault::AgentDies { server, seconds } => self.machine(server).agent_dies(now + seconds),
            Fault::Starved { server, seconds } => self.machine(server).starved_until = now + seconds,
            Fault::PowerBroken { server } => self.machine(server).power_broken = true,
            Fault::Slow { server } => self.machine(server).slow = true,
            Fault::ClockJump { server } => self.machine(server).clock_jumped_until = Some(now + 3600),
            Fault::Heals { server, service } => {
                let machine = self.machine(server);
                machine.service(service).sick = None;
                machine.hung = false;
            }
            Fault::HumanStops { server, service } => {
                let service = self.machine(server).service(service);
                service.by_hand = true;
                service.since = None;
                service.starts = None;
            }
            Fault::HumanStarts { server, service } => {
                let machine = self.machine(server);
                let is_on = machine.is_on();
                let service = machine.service(service);
                service.by_hand = false;
                if service.since.is_none() && is_on {
                    service.replace(now);
                }
            }
            Fault::HandsOff { server, on } => self.machine(server).hands_off = *on,
            Fault::HumanStopsARecovery { server } => {
                let machine = self.machine(server);
                let open = machine.journal.open().map(|it| it.number).next();
                if let Some(number) = open.filter(|_| machine.agent_answers()) {
                    let event = health::recovery::Event::Stopped { by: "alice".to_owned(), reason: None };
                    self.write(server, Some(number), event);
                }
            }
            // What people say to the coordinator.
            _ if !there => {}
            Fault::HumanBlocks { server } => {
                let record = Block { reason: "a test".to_owned(), at: wall, move_now: false };
                self.records.commit(&block(server, &alice(), &record));
            }
            Fault::HumanUnblocks { server } => drop(self.records.commit(&unblock(server, &alice()))),
            Fault::Maintenance { server, begins: true } => {
                let record = Maintenance { by: alice(), reason: String::new(), since: wall, until: wall };
                let json = serde_json::to_value(&record).expect("it is JSON");
                self.records.put(&RecordKey::Maintenance(server.clone()), &json);
            }
            Fault::Maintenance { server, begins: false } => {
                self.records.commit(&end_maintenance(server));
            }
            Fault::Brake { pulled } => {
                let brake =
                    health::recovery::Brake { by: "alice".to_owned(), reason: String::new(), since: wall };
                let path = health::recovery::brake_path();
                self.records.commit(&say_of_health(path, pulled.then_some(&brake)));
            }
        }
    }

    /// Faults stop: what only a person can mend is mended, and what people had said is taken back. What the ladders can heal
    /// is left to them.
    pub(crate) fn faults_stop(&mut self) {
        self.tell("-- faults stop");
        self.corrupt.clear();
        self.directory_returns = 0;
        self.coordinator_returns = 0;
        let servers: Vec<_> = self.machines.keys().cloned().collect();
        for server in servers {
            let now = self.now;
            let machine = self.machine(&server);
            (machine.power_broken, machine.slow, machine.starved_until) = (false, false, 0);
            (machine.clock_jumped_until, machine.hands_off) = (None, false);
            for service in ["frontend", "backend"] {
                let service = machine.service(service);
                service.sick.take_if(|(sick, _)| *sick == Sick::ForGood);
                if std::mem::take(&mut service.by_hand) {
                    service.starts = Some(now + 1);
                }
            }
            self.records.commit(&unblock(&server, &alice()));
            self.records.commit(&end_maintenance(&server));
        }
        let path = health::recovery::brake_path();
        self.records.commit(&say_of_health(path, None::<&UnixMillis>));
    }
}
