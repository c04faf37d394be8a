//! A real server for one test: its own port, its own data folder, its own database.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use confab::app::App;
use confab::cli::demo;
use confab::config::Config;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::person::Person;
use crate::process::is_well;
use crate::watchdog::Watched;

/// The secret of every test server, so that tests can sign whatever token they like.
pub const SECRET: &str = "a secret for tests, longer than 32 bytes";

/// A running server. Dropping it stops it and removes what it kept.
pub struct Server {
    pub address: SocketAddr,
    folder: PathBuf,
    /// The address of a PostgreSQL and the name of this server's database there.
    database: Option<(String, String)>,
    running: Option<(mpsc::Sender<&'static str>, JoinHandle<anyhow::Result<()>>)>,
    app: Weak<App>,
    config: Config,
    next_id: AtomicI64,
    _watched: Watched,
}

impl Server {
    /// Starts a server without rate limits and with every other setting at its default.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server whose settings `change` may change.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_upon(std::env::var("CONFAB_TEST_DATABASE").ok(), change).await
    }

    /// Starts a server that may have twins; none where the tests run on SQLite, on which a server is alone.
    pub async fn start_with_room_for_twins(change: impl FnOnce(&mut Config)) -> Option<Self> {
        let postgres = std::env::var("CONFAB_TEST_DATABASE").ok()?;
        Some(Self::start_upon(Some(postgres), change).await)
    }

    /// Starts a server on SQLite, whatever the other tests run on.
    pub async fn start_on_sqlite() -> Self {
        Self::start_upon(None, |_| {}).await
    }

    async fn start_upon(postgres: Option<String>, change: impl FnOnce(&mut Config)) -> Self {
        let name = format!("confab_test_{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(&name);
        let mut config = Config::default();
        config.server.data_dir = folder.clone();
        config.auth.jwt_secret = Some(SECRET.to_owned());
        config.server.drain_seconds = 0;
        config.limits.messages_per_minute = 0;
        config.limits.uploads_per_minute = 0;
        config.limits.reactions_per_minute = 0;
        config.limits.creations_per_minute = 0;
        config.limits.searches_per_minute = 0;
        let database = match postgres {
            Some(admin) => {
                execute(&admin, &format!("CREATE DATABASE {name}")).await;
                config.database.url = Some(with_database(&admin, &name));
                Some((admin, name))
            }
            None => None,
        };
        change(&mut config);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let next_id = AtomicI64::new(1);
        let (app, _watched) = (Weak::new(), Watched::new());
        let mut server = Self { address, folder, database, running: None, app, config, next_id, _watched };
        server.resume().await;
        server
    }

    /// Starts a server with the people and messages that the examples of the reference name.
    pub async fn start_with_demo() -> Self {
        let mut server = Self::start().await;
        server.stop().await;
        let app = App::open(server.config.clone()).await.expect("the data can be opened");
        demo::seed_team(&app).await.expect("the examples can be made");
        app.close().await;
        server.resume().await;
        server
    }

    /// Changes rows behind the server's back, for what would take too long to wait for.
    pub async fn meddle(&self, sql: &str, values: Vec<sea_orm::Value>) {
        let connection = Database::connect(self.database_url()).await.expect("the database answers");
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        let done = connection.execute_raw(statement).await.expect("the database does as it is told");
        assert!(done.rows_affected() > 0, "nothing was there to change: {sql}");
        connection.close().await.ok();
    }

    /// How many statements the running server has asked its database so far.
    pub fn statements(&self) -> u64 {
        self.app.upgrade().expect("the server runs").statements()
    }

    /// How many of them its writer ran.
    pub fn written(&self) -> u64 {
        self.app.upgrade().expect("the server runs").written()
    }

    /// How many steps its SQLite has taken so far, where `config.database.count_work` is on.
    pub fn steps(&self) -> u64 {
        self.app.upgrade().expect("the server runs").steps()
    }

    /// The address of the PostgreSQL that it runs on, and the name of its database there.
    pub fn postgres(&self) -> Option<&(String, String)> {
        self.database.as_ref()
    }

    /// A second server on the same database, as another process would be. On SQLite, which has no way between them, each finds
    /// in the log what the other did.
    pub async fn twin(&self) -> Self {
        self.twin_with(|_| {}).await
    }

    /// The same, with settings of its own.
    pub async fn twin_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let folder = std::env::temp_dir().join(format!("confab_test_{}", uuid::Uuid::new_v4().simple()));
        let mut config = self.config.clone();
        config.storage.url.get_or_insert_with(|| format!("file:{}", self.folder.join("files").display()));
        config.database.url.get_or_insert_with(|| self.database_url());
        config.server.data_dir = folder.clone();
        change(&mut config);
        let next_id = AtomicI64::new(1_000);
        let (address, app, _watched) = (self.address, Weak::new(), Watched::new());
        let mut twin = Self { address, folder, database: None, running: None, app, config, next_id, _watched };
        twin.resume().await;
        twin
    }

    /// Where its files are kept.
    pub fn storage_url(&self) -> String {
        self.config.storage_url()
    }

    /// Why a second server with such settings does not start.
    pub async fn refused_twin(&self, change: impl FnOnce(&mut Config)) -> String {
        let mut config = self.config.clone();
        let folder = std::env::temp_dir().join(format!("confab_test_{}", uuid::Uuid::new_v4().simple()));
        config.storage.url.get_or_insert_with(|| format!("file:{}", self.folder.join("files").display()));
        config.server.data_dir = folder.clone();
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (_stop, told_to_stop) = mpsc::channel(2);
        let refused = confab::serve(config, listener, told_to_stop).await.expect_err("it is refused");
        std::fs::remove_dir_all(folder).ok();
        refused.to_string()
    }

    /// Stops the server gracefully and keeps its data.
    pub async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.try_send("the test").ok();
            let ended = tokio::time::timeout(Duration::from_secs(60), task).await.expect("the server stops");
            ended.expect("the server does not panic").expect("the server starts");
        }
    }

    /// Starts it again upon the same data, on another port.
    pub async fn resume(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        self.address = listener.local_addr().expect("an address");
        if let Some(address) = &mut self.config.cluster.address {
            *address = format!("http://{}", self.address);
        }
        let (stop, told_to_stop) = mpsc::channel(2);
        let app = App::open(self.config.clone()).await.expect("the server starts");
        self.app = Arc::downgrade(&app);
        let task = tokio::spawn(async move { confab::run(app, listener, told_to_stop).await });
        self.running = Some((stop, task));
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        let until = tokio::time::Instant::now() + Duration::from_secs(30);
        let running = || self.running.as_ref().is_some_and(|(_, task)| !task.is_finished());
        while running() && tokio::time::Instant::now() < until {
            if is_well(&self.url("/health/ready")).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server did not become ready");
    }

    /// The address of a path, over HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of the server's database.
    pub fn database_url(&self) -> String {
        self.config.database_url()
    }

    /// Somebody new with a valid token, whom the server has seen.
    pub async fn person(&self, name: &str) -> Person {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let person = self.somebody(id, &token(json!({ "sub": id, "name": name })), name);
        assert_eq!(person.get("/conversations/unread").await.status, 200);
        person
    }

    /// Somebody with an administrator's token.
    pub async fn administrator(&self, name: &str) -> Person {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let person = self.somebody(id, &token(json!({ "sub": id, "name": name, "roles": ["admin"] })), name);
        assert_eq!(person.get("/conversations/unread").await.status, 200);
        person
    }

    /// Somebody with whatever token, whom the server may never have seen.
    pub fn somebody(&self, id: i64, token: &str, name: &str) -> Person {
        Person::new(self.address, id, name, token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let task = self.running.take().map(|(stop, task)| {
            stop.try_send("the test").ok();
            task
        });
        let (folder, database) = (self.folder.clone(), self.database.take());
        // The test's own runtime may be ending: the rest is done by a thread that has one.
        std::thread::spawn(move || {
            if let Some(task) = task {
                let until = std::time::Instant::now() + Duration::from_secs(5);
                while !task.is_finished() && std::time::Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(5));
                }
                task.abort();
            }
            std::fs::remove_dir_all(folder).ok();
            if let Some((admin, name)) = database {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(execute(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            }
        });
    }
}

pub async fn execute(url: &str, sql: &str) {
    let connection = Database::connect(url).await.expect("the test database answers");
    connection.execute_unprepared(sql).await.expect("the test database does as it is told");
    connection.close().await.ok();
}

/// The URL of another database on the same server.
pub fn with_database(url: &str, name: &str) -> String {
    let (server, options) = url.split_once('?').map_or((url, None), |(server, options)| (server, Some(options)));
    let (server, _) = server.rsplit_once('/').expect("a URL with a database");
    match options {
        Some(options) => format!("{server}/{name}?{options}"),
        None => format!("{server}/{name}"),
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A token with these claims, signed with [`SECRET`]; it lasts an hour unless `exp` says otherwise.
pub fn token(mut claims: Json) -> String {
    if claims.get("exp").is_none() {
        claims["exp"] = json!(now() + 3600);
    }
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("claims can be signed")
}
