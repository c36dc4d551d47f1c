//! The follower against real databases.

use std::time::Duration;

use mailbox_sqlite::CreateOptions;
use service::live::LiveFiles;
use settings::{Configuration, LoopbackPorts, ServerName, Value as _};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

struct Scene {
    data: DataDirectory,
    mounts: Mounts,
    assign: watch::Sender<Assigned>,
    reports: watch::Receiver<Reports>,
    following: JoinHandle<()>,
    end: oneshot::Sender<()>,
    // Removed with the scene.
    _folder: TempDir,
}

fn db01() -> DatabaseName {
    DatabaseName::parse("DB01").unwrap()
}

fn order(revision: u64, wanted: Wanted) -> Assigned {
    Assigned::from([(db01(), Order { token: token(revision), wanted })])
}

fn token(revision: u64) -> Token {
    Token { epoch: 1, revision }
}

/// A database that exists, and a follower that has been told nothing.
fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    std::fs::create_dir(folder.path().join("databases")).unwrap();
    mailbox_sqlite::create(&data.database("DB01"), CreateOptions::default()).unwrap();
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    std::fs::write(data.configuration(), configuration.to_toml()).unwrap();
    let files = LiveFiles {
        configuration: data.configuration(),
        set: data.server("mbx1").pop_settings(),
        server: ServerName::parse("mbx1").unwrap(),
    };
    let (mounts, (assign, assigned)) = (Mounts::new(), watch::channel(Assigned::new()));
    let (told, reports) = watch::channel(Reports::new());
    let live = Live::open(files).unwrap();
    let following = Following { data: data.clone(), live, mounts: mounts.clone(), assigned, reports: told };
    let (end, ended) = oneshot::channel();
    let following = tokio::spawn(following.run(async { drop(ended.await) }));
    Scene { data, mounts, assign, reports, following, end, _folder: folder }
}

impl Scene {
    /// Waits until the report is so.
    async fn reports(&mut self, is_so: impl FnMut(Option<&MountReport>) -> bool) -> Option<MountReport> {
        let mut is_so = is_so;
        let waiting = self.reports.wait_for(|reports| is_so(reports.get(&db01())));
        let reports = timeout(Duration::from_secs(30), waiting).await.expect("in time").unwrap();
        reports.get(&db01()).cloned()
    }

    async fn is(&mut self, state: MountState, revision: u64) {
        let wanted = (state, token(revision));
        self.reports(|report| report.is_some_and(|report| (report.state.clone(), report.token) == wanted))
            .await;
    }

    async fn ends(self) {
        self.end.send(()).unwrap();
        timeout(Duration::from_secs(30), self.following).await.expect("in time").unwrap();
    }
}

#[tokio::test]
async fn what_is_assigned_is_mounted_and_what_is_assigned_elsewhere_is_let_go() {
    let mut scene = scene();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounted, 5).await;
    assert_eq!(scene.mounts.names(), ["DB01"]);
    scene.assign.send_replace(Assigned::new());
    scene.reports(|report| report.is_none()).await;
    assert!(scene.mounts.names().is_empty());
    scene.ends().await;
}

#[tokio::test]
async fn a_database_that_is_to_be_let_go_is_reported_under_the_token_of_that_order() {
    let mut scene = scene();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounted, 5).await;
    scene.assign.send_replace(order(6, Wanted::Dismounted));
    scene.is(MountState::Dismounted, 6).await;
    assert!(scene.mounts.names().is_empty());
    scene.ends().await;
}

#[tokio::test]
async fn an_order_to_let_go_of_what_was_never_held_is_confirmed() {
    let mut scene = scene();
    scene.assign.send_replace(order(7, Wanted::Dismounted));
    scene.is(MountState::Dismounted, 7).await;
    scene.ends().await;
}

#[tokio::test]
async fn a_new_token_is_a_new_mount() {
    let mut scene = scene();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounted, 5).await;
    let before = scene.mounts.get("DB01").unwrap();
    scene.assign.send_replace(order(9, Wanted::Mounted));
    scene.is(MountState::Mounted, 9).await;
    assert!(!Arc::ptr_eq(&before, &scene.mounts.get("DB01").unwrap()));
    scene.ends().await;
}

#[tokio::test]
async fn a_lock_that_somebody_holds_is_asked_for_until_it_is_free() {
    let mut scene = scene();
    let folder = scene.data.database("DB01");
    let other = SqliteStore::mount(&folder, FencingToken { epoch: 1, revision: 3 }, MountOptions::default());
    let other = other.unwrap();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounting, 5).await;
    other.dismount().await;
    scene.is(MountState::Mounted, 5).await;
    scene.ends().await;
}

#[tokio::test]
async fn a_database_that_a_later_assignment_has_mounted_is_not_mounted_again() {
    let mut scene = scene();
    let folder = scene.data.database("DB01");
    let later = SqliteStore::mount(&folder, FencingToken { epoch: 1, revision: 8 }, MountOptions::default());
    later.unwrap().dismount().await;
    scene.assign.send_replace(order(5, Wanted::Mounted));
    let failed = scene.reports(|report| report.is_some_and(|r| matches!(r.state, MountState::Failed { .. })));
    let MountState::Failed { reason } = failed.await.unwrap().state else { panic!("it has failed") };
    assert!(reason.contains("later than"), "{reason}");
    assert!(scene.mounts.names().is_empty());
    // Only another assignment is another attempt.
    scene.assign.send_replace(order(9, Wanted::Mounted));
    scene.is(MountState::Mounted, 9).await;
    scene.ends().await;
}

#[tokio::test]
async fn sessions_learn_that_their_database_leaves_and_are_waited_for() {
    let mut scene = scene();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounted, 5).await;
    let (_store, mut inside) = scene.mounts.enter("DB01").unwrap();
    scene.assign.send_replace(order(6, Wanted::Dismounted));
    inside.draining().await;
    scene.is(MountState::Dismounting, 6).await;
    assert!(scene.mounts.enter("DB01").is_none(), "nobody else is let in");
    drop(inside);
    scene.is(MountState::Dismounted, 6).await;
    scene.ends().await;
}

#[tokio::test]
async fn at_the_end_everything_is_dismounted_and_the_lock_is_free() {
    let mut scene = scene();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    scene.is(MountState::Mounted, 5).await;
    let database = scene.data.database("DB01");
    let Scene { end, following, _folder: folder, .. } = scene;
    end.send(()).unwrap();
    timeout(Duration::from_secs(30), following).await.expect("in time").unwrap();
    let next = SqliteStore::mount(&database, FencingToken { epoch: 1, revision: 6 }, MountOptions::default());
    next.unwrap().dismount().await;
    drop(folder);
}

#[tokio::test(start_paused = true)]
async fn a_failed_mount_speaks_against_this_server_for_a_while_after_it_is_assigned_elsewhere() {
    let mut scene = scene();
    let lock = scene.data.database("DB01").join("mail.sqlite");
    std::fs::remove_file(&lock).unwrap();
    scene.assign.send_replace(order(5, Wanted::Mounted));
    let has_failed = |report: Option<&MountReport>| {
        report.is_some_and(|report| matches!(report.state, MountState::Failed { .. }))
    };
    scene.reports(has_failed).await;
    let began = Instant::now();
    scene.assign.send_replace(Assigned::new());
    tokio::time::sleep(REMEMBERED / 2).await;
    assert!(has_failed(scene.reports.borrow().get(&db01())), "it would be assigned here again at once");
    // Longer than `reports` waits.
    let gone = scene.reports.wait_for(Reports::is_empty);
    timeout(2 * REMEMBERED, gone).await.expect("in time").unwrap();
    assert!(began.elapsed() > REMEMBERED / 2);
    scene.ends().await;
}
