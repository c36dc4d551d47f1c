//! What `mailmedic status --output json` says.

use serde_json::Value;

/// An installation at a moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The process of `mailmedic up`.
    pub up: Option<u32>,
    /// The local coordinator.
    pub coordinator: Option<ServiceStatus>,
    /// Every server.
    pub servers: Vec<ServerStatus>,
}

/// A server.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// The process of its init.
    pub init: Option<u32>,
    /// Its services.
    pub services: Vec<ServiceStatus>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// running, Failed, …
    pub state: String,
    /// Its process.
    pub pid: Option<u32>,
    /// How many sessions it has.
    pub sessions: Option<u64>,
}

impl Status {
    /// Reads what the command printed.
    pub fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let servers = value["servers"].as_array().unwrap().iter().map(|server| ServerStatus {
            name: string(&server["server"]),
            init: pid(&server["pid"]),
            services: server["services"].as_array().unwrap().iter().map(service).collect(),
        });
        Self {
            up: pid(&value["pid"]),
            coordinator: value.get("coordinator").filter(|value| !value.is_null()).map(service),
            servers: servers.collect(),
        }
    }

    /// Every service with its server's name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &ServiceStatus)> {
        self.servers.iter().flat_map(|server| server.services.iter().map(|service| (&*server.name, service)))
    }

    /// The service called `name`, of the first server that has one.
    pub fn service(&self, name: &str) -> &ServiceStatus {
        self.services().find(|(_, service)| service.name == name).unwrap().1
    }

    /// The process of the service called `name` of the server called `server`, if both are there.
    pub fn pid_of(&self, server: &str, name: &str) -> Option<u32> {
        let found = self.services().find(|(of, service)| *of == server && service.name == name);
        found.and_then(|(_, service)| service.pid)
    }

    /// The init of the server called `name`.
    pub fn init(&self, name: &str) -> Option<u32> {
        self.servers.iter().find(|server| server.name == name).unwrap().init
    }

    /// Whether every service serves, and the coordinator too.
    pub fn all_run(&self) -> bool {
        let services = self.services().map(|(_, service)| service);
        services.chain(&self.coordinator).all(|service| service.state == "running")
    }

    /// Every process there is, parents first.
    pub fn pids(&self) -> Vec<u32> {
        let inits = self.servers.iter().filter_map(|server| server.init);
        self.up
            .into_iter()
            .chain(inits)
            .chain(self.coordinator.as_ref().and_then(|coordinator| coordinator.pid))
            .chain(self.services().filter_map(|(_, service)| service.pid))
            .collect()
    }
}

fn service(value: &Value) -> ServiceStatus {
    ServiceStatus {
        name: string(&value["service"]),
        state: string(&value["state"]),
        pid: pid(&value["pid"]),
        sessions: value["sessions"].as_u64(),
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn pid(value: &Value) -> Option<u32> {
    value.as_u64().map(|pid| pid.try_into().unwrap())
}
