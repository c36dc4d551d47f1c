//! The table itself. To add a route, add a line; the client, the agents and the OpenAPI document follow.

use crate::caller::Role;
use crate::listing::{Listing, Nothing};
use crate::openapi::Book;
use crate::rows::{
    Allowed, AuditQuery, AuditRow, BrakeRow, ByServer, ComponentRequest, ComponentRow, CopiesQuery, CopyRow,
    DatabaseRow, ExplanationQuery, HealthQuery, HealthSetRow, ItemHelp, ItemQuery, ItemRow, ItemsQuery,
    MaintenanceRequest, MonitorRow, MoveRequest, MoveRow, MovesRequest, OverrideRequest, OverrideRow,
    OverridesQuery, PopSettingsChange, PopSettingsRequest, PopSettingsRow, ProbeRequest, ProbeRow, Reason,
    RecoveriesQuery, RecoveryExplanation, RecoveryRow, RecoveryStory, RepairingRequest, RestartRequest,
    RestartRow, ResultsQuery, ServerRow, ServiceRow, UserMoveRequest, UserMoveRow, VerdictRow, Version,
    WaitQuery,
};

use super::{Endpoint, Method, Route};

macro_rules! table {
    ($(
        $(#[doc = $summary:literal])+
        $name:ident $(($($parameter:ident),+))? = $method:ident $template:literal, $role:ident,
        $query:ty, $request:ty => $success:literal $response:ty;
    )+) => {
        $(
            $(#[doc = $summary])+
            #[derive(Debug, Clone, Default, PartialEq, Eq)]
            pub struct $name {
                $($(
                    #[doc = concat!("The ", stringify!($parameter), " in the path.")]
                    pub $parameter: String,
                )+)?
            }

            impl Endpoint for $name {
                const ROUTE: Route = Route {
                    name: stringify!($name),
                    method: Method::$method,
                    template: $template,
                    role: Role::$role,
                    success: $success,
                    summary: concat!($($summary),+),
                };
                type Query = $query;
                type Request = $request;
                type Response = $response;

                fn values(&self) -> Vec<&str> {
                    vec![$($(self.$parameter.as_str()),+)?]
                }
            }
        )+

        /// Every route.
        pub const ALL: &[Route] = &[$($name::ROUTE),+];

        /// Describes every route.
        pub(crate) fn visit(book: &mut Book) {
            $(book.add::<$name>();)+
        }
    };
}

table! {
    /// Lists the copies of the databases: where they are, which are mounted, and how fit the others are.
    Copies = Get "/v1/copies", Viewer, CopiesQuery, Nothing => 200 Listing<CopyRow>;

    /// Lists the databases: where each is mounted, and what moves.
    Databases = Get "/v1/databases", Viewer, Nothing, Nothing => 200 Listing<DatabaseRow>;
    /// Moves a database to the server named, or to the fittest.
    MoveDatabase(database) = Post "/v1/databases/{database}/move", Operator,
        Nothing, MoveRequest => 202 MoveRow;
    /// Mounts a database where it would be best.
    MountDatabase(database) = Post "/v1/databases/{database}/mount", Operator,
        Nothing, Reason => 200 DatabaseRow;
    /// Dismounts a database, which stays dismounted until somebody mounts it.
    DismountDatabase(database) = Post "/v1/databases/{database}/dismount", Administrator,
        Nothing, Reason => 200 DatabaseRow;
    /// Moves all databases that are mounted on one server, or all that are not mounted where they are preferred.
    MoveDatabases = Post "/v1/moves", Operator, Nothing, MovesRequest => 202 Listing<MoveRow>;
    /// Shows a move; with `wait`, as soon as its state changes.
    ShowMove(database, id) = Get "/v1/moves/{database}/{id}", Viewer, WaitQuery, Nothing => 200 MoveRow;

    /// Lists the servers.
    Servers = Get "/v1/servers", Viewer, Nothing, Nothing => 200 Listing<ServerRow>;
    /// Shows one server.
    ShowServer(server) = Get "/v1/servers/{server}", Viewer, Nothing, Nothing => 200 ServerRow;
    /// Blocks a server in the caller's name, and moves its databases away.
    DrainServer(server) = Post "/v1/servers/{server}/drain", Operator,
        Nothing, Reason => 202 Listing<MoveRow>;
    /// Blocks a server in the caller's name; what is mounted there stays.
    BlockServer(server) = Post "/v1/servers/{server}/block", Operator, Nothing, Reason => 200 ServerRow;
    /// Lifts the caller's block, and says who else still blocks the server.
    AllowServer(server) = Post "/v1/servers/{server}/allow", Operator, Nothing, Reason => 200 Allowed;
    /// Takes the power of a server away and gives it back; the same id restarts it once.
    RestartServer(server) = Post "/v1/servers/{server}/restart", Administrator,
        Nothing, RestartRequest => 202 RestartRow;
    /// Begins maintenance of a server: nothing is healed there until it ends.
    BeginMaintenance(server) = Post "/v1/servers/{server}/maintenance", Operator,
        Nothing, MaintenanceRequest => 200 ServerRow;
    /// Ends maintenance of a server.
    EndMaintenance(server) = Delete "/v1/servers/{server}/maintenance", Operator,
        Nothing, Nothing => 200 ServerRow;

    /// Lists the services.
    Services = Get "/v1/services", Viewer, ByServer, Nothing => 200 Listing<ServiceRow>;
    /// Starts a service that is stopped or Failed.
    StartService(server, service) = Post "/v1/servers/{server}/services/{service}/start", Operator,
        Nothing, Reason => 202 ServiceRow;
    /// Stops a service, which stays stopped until somebody starts it.
    StopService(server, service) = Post "/v1/servers/{server}/services/{service}/stop", Operator,
        Nothing, Reason => 202 ServiceRow;
    /// Drains a service and starts it anew.
    RestartService(server, service) = Post "/v1/servers/{server}/services/{service}/restart", Operator,
        Nothing, Reason => 202 ServiceRow;

    /// Lists the components: whether each takes traffic, and who asked for what.
    Components = Get "/v1/components", Viewer, ByServer, Nothing => 200 Listing<ComponentRow>;
    /// Asks for a state of a component, in the name of one requester.
    SetComponent(server, component) = Put "/v1/servers/{server}/components/{component}", Operator,
        Nothing, ComponentRequest => 200 ComponentRow;

    /// Lists what the monitors say.
    Health = Get "/v1/health", Viewer, HealthQuery, Nothing => 200 Listing<MonitorRow>;
    /// Lists what the health sets come to.
    HealthReport = Get "/v1/health-report", Viewer, HealthQuery, Nothing => 200 Listing<HealthSetRow>;
    /// Lists what the monitors say, as agents tell each other.
    Verdicts = Get "/v1/verdicts", Viewer, HealthQuery, Nothing => 200 Listing<VerdictRow>;
    /// Runs a probe on a server now, and answers when each attempt has ended.
    RunProbe(server) = Post "/v1/servers/{server}/probes", Operator,
        Nothing, ProbeRequest => 200 Listing<ProbeRow>;
    /// Lists what probes found lately, the newest last.
    ProbeResults = Get "/v1/probe-results", Viewer, ResultsQuery, Nothing => 200 Listing<ProbeRow>;
    /// Lists the probes and monitors with their targets.
    MonitoringItems = Get "/v1/monitoring-items", Viewer, ItemsQuery, Nothing => 200 Listing<ItemRow>;
    /// Says what a probe or monitor does.
    MonitoringItemHelp = Get "/v1/monitoring-item-help", Viewer, ItemQuery, Nothing => 200 ItemHelp;
    /// Says that a monitor is being repaired, or no more.
    SetRepairing(server, monitor) = Put "/v1/servers/{server}/monitors/{monitor}/repairing", Operator,
        Nothing, RepairingRequest => 200 Listing<MonitorRow>;
    /// Lists the overrides.
    Overrides = Get "/v1/overrides", Viewer, OverridesQuery, Nothing => 200 Listing<OverrideRow>;
    /// Makes an override.
    AddOverride = Post "/v1/overrides", Operator, Nothing, OverrideRequest => 200 OverrideRow;
    /// Removes an override.
    RemoveOverride(id) = Delete "/v1/overrides/{id}", Operator, Nothing, Nothing => 200 OverrideRow;
    /// Lists the POP3 settings of the servers, with where each value comes from.
    PopSettings = Get "/v1/pop-settings", Viewer, ByServer, Nothing => 200 Listing<PopSettingsRow>;
    /// Changes POP3 settings of a server, all of what is asked for or nothing; they take effect at once.
    SetPopSettings(server) = Put "/v1/servers/{server}/pop-settings", Administrator,
        Nothing, PopSettingsRequest => 200 PopSettingsChange;

    /// Lists the recoveries, the newest last.
    Recoveries = Get "/v1/recoveries", Viewer, RecoveriesQuery, Nothing => 200 Listing<RecoveryRow>;
    /// Shows a recovery with everything that happened in it.
    ShowRecovery(id) = Get "/v1/recoveries/{id}", Viewer, Nothing, Nothing => 200 RecoveryStory;
    /// Says what comes next for each monitor, why, and what forbids it.
    ExplainRecovery = Get "/v1/recovery-explanations", Viewer,
        ExplanationQuery, Nothing => 200 Listing<RecoveryExplanation>;
    /// Approves the rung that a recovery waits on, for an hour.
    ApproveRecovery(id) = Post "/v1/recoveries/{id}/approve", Administrator, Nothing, Reason => 200 RecoveryRow;
    /// Holds a recovery: the step under way is finished, and no next one is begun.
    HoldRecovery(id) = Post "/v1/recoveries/{id}/hold", Operator, Nothing, Reason => 200 RecoveryRow;
    /// Lets a recovery that is held go on.
    ReleaseRecovery(id) = Post "/v1/recoveries/{id}/release", Operator, Nothing, Reason => 200 RecoveryRow;
    /// Stops a recovery for good, and undoes what it has blocked and switched on.
    StopRecovery(id) = Post "/v1/recoveries/{id}/stop", Operator, Nothing, Reason => 200 RecoveryRow;
    /// Says whether the brake is pulled.
    ShowBrake = Get "/v1/brake", Viewer, Nothing, Nothing => 200 BrakeRow;
    /// Pulls the brake: no server is emptied or restarted anywhere until it is released.
    PullBrake = Put "/v1/brake", Operator, Nothing, Reason => 200 BrakeRow;
    /// Releases the brake.
    ReleaseBrake = Delete "/v1/brake", Operator, Nothing, Nothing => 200 BrakeRow;

    /// Lists what was asked for by whom, the newest last.
    Audit = Get "/v1/audit", Viewer, AuditQuery, Nothing => 200 Listing<AuditRow>;

    /// Moves a user's mailbox to another database.
    MoveUser(user) = Post "/v1/users/{user}/move", Administrator, Nothing, UserMoveRequest => 202 UserMoveRow;
    /// Shows how far the last move of a user's mailbox has come.
    ShowUserMove(user) = Get "/v1/user-moves/{user}", Viewer, WaitQuery, Nothing => 200 UserMoveRow;

    /// Gives this description.
    OpenApi = Get "/v1/openapi.json", Viewer, Nothing, Nothing => 200 serde_json::Value;
    /// Says which agent answers, and its version.
    ShowVersion = Get "/v1/version", Viewer, Nothing, Nothing => 200 Version;
}
