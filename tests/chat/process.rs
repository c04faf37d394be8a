//! The built program as a process of its own, for what only a command line, a signal or a log can show.

use std::borrow::BorrowMut;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::person::Person;
use crate::server::{execute, with_database};
use crate::watchdog::Watched;

/// How long a start or an end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where processes are at home: a working folder, and where PostgreSQL is tested, a database.
pub struct Home {
    pub folder: PathBuf,
    database: Option<(String, String)>,
    _watched: Watched,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Home {
    pub async fn new() -> Self {
        let mut home = Self::without_database();
        if let Ok(admin) = std::env::var("CONFAB_TEST_DATABASE") {
            let name = home.folder.file_name().expect("a name").to_string_lossy().into_owned();
            execute(&admin, &format!("CREATE DATABASE {name}")).await;
            home.database = Some((admin, name));
        }
        home
    }

    /// A home on SQLite, whatever the other tests run on.
    pub fn without_database() -> Self {
        let folder = std::env::temp_dir().join(format!("confab_test_{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self { folder, database: None, _watched: Watched::new() }
    }

    /// The address of the database on PostgreSQL.
    pub fn postgres(&self) -> Option<String> {
        self.database.as_ref().map(|(admin, name)| with_database(admin, name))
    }

    /// The program with these arguments, in this folder and without the settings of whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.at_home(Command::new(env!("CARGO_BIN_EXE_confab")), arguments)
    }

    /// The same, started by a line of the shell that ends in `exec "$0" "$@"` after whatever it does to itself; the program
    /// may be that of another release.
    pub fn command_by(&self, shell: &str, program: Option<&Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", shell]).arg(program.unwrap_or(Path::new(env!("CARGO_BIN_EXE_confab"))));
        self.at_home(command, arguments)
    }

    fn at_home(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CONFAB_")) {
            command.env_remove(name);
        }
        if let Ok(fault) = std::env::var("CONFAB_FAULT") {
            command.env("CONFAB_FAULT", fault);
        }
        if let Some(url) = self.postgres() {
            command.env("CONFAB_DATABASE__URL", url);
        }
        command
    }

    /// The URL of the database of servers that run here.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some((admin, name)) => with_database(admin, name),
            None => format!("sqlite:{}", self.folder.join("data/confab.db").display()),
        }
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        finish(self.command(arguments)).await
    }

    /// What a command prints, which must succeed.
    pub async fn printed(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    }

    /// A token of the server's own secret.
    pub async fn token(&self, user: i64, name: &str) -> String {
        self.printed(&["token", "--user", &user.to_string(), "--name", name]).await.trim_end().to_owned()
    }

    /// Starts a server on a free port and waits until it is ready.
    pub async fn serve(&self, arguments: &[&str]) -> Process {
        let mut process = self.begin(arguments).await;
        process.wait_until_ready().await;
        process
    }

    /// Starts a server on a free port and waits until it says where it listens.
    pub async fn begin(&self, arguments: &[&str]) -> Process {
        self.begin_as(self.command(arguments)).await
    }

    /// As [`Home::begin`], with so many open files until it asks for more.
    #[cfg(unix)]
    pub async fn begin_with_files(&self, files: u32, arguments: &[&str]) -> Process {
        let server = self.command(arguments);
        let server = server.as_std();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -S -n {files}; exec \"$0\" \"$@\"")]);
        command.arg(server.get_program()).args(server.get_args()).current_dir(&self.folder).stdin(Stdio::null());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.begin_as(command.kill_on_drop(true)).await
    }

    async fn begin_as(&self, mut command: impl BorrowMut<Command>) -> Process {
        let command = command.borrow_mut();
        command.args(["--set", "server.bind=127.0.0.1:0", "--set", "limits.messages_per_minute=0"]);
        command.args(["--set", "limits.creations_per_minute=0", "--set", "limits.searches_per_minute=0"]);
        Process::start(command).await
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let (folder, database) = (self.folder.clone(), self.database.take());
        // The test's own runtime may be ending: the rest is done by a thread that has one.
        let tidy = std::thread::spawn(move || {
            std::fs::remove_dir_all(folder).ok();
            if let Some((admin, name)) = database {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(execute(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            }
        });
        tidy.join().ok();
    }
}

/// Runs a command to its end.
pub async fn finish(mut command: Command) -> Ended {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends soon").expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A running server. Dropping it kills it.
pub struct Process {
    pub address: SocketAddr,
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a server by this command and waits until it says where it listens.
    pub async fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (out, err) = (Arc::default(), Arc::default());
        let readers =
            vec![keep(child.stdout.take().expect("a pipe"), &out), keep(child.stderr.take().expect("a pipe"), &err)];
        let mut process = Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), child, out, err, readers };
        process.address = process.announced().await;
        process
    }

    async fn announced(&mut self) -> SocketAddr {
        let until = Instant::now() + PATIENCE;
        loop {
            let said = self.said();
            if let Some((_, rest)) = said.split_once("Listening on ")
                && let Some((url, _)) = rest.split_once('\n')
                && let Some((_, address)) = url.split_once("://")
            {
                return address.parse().expect("an address");
            }
            let ended = self.child.try_wait().expect("it can be asked");
            assert!(ended.is_none() && Instant::now() < until, "{ended:?} {said} {}", self.logged());
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn wait_until_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        let url = format!("http://{}/health/ready", self.address);
        while !is_well(&url).await {
            let ended = self.child.try_wait().expect("it can be asked");
            assert!(ended.is_none() && Instant::now() < until, "not ready: {ended:?} {}", self.logged());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many files it may open.
    #[cfg(target_os = "linux")]
    pub fn files(&self) -> u64 {
        let id = self.child.id().expect("it runs");
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("Linux tells");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
        line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number")
    }

    /// What it printed so far.
    pub fn said(&self) -> String {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it logged so far.
    pub fn logged(&self) -> String {
        self.err.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn somebody(&self, id: i64, token: &str, name: &str) -> Person {
        Person::new(self.address, id, name, token)
    }

    /// The token that `--demo` printed for a person.
    pub fn demo_token(&self, name: &str) -> String {
        let said = self.said();
        let line = said.lines().find(|line| line.starts_with(&format!("{name} "))).expect("the person is introduced");
        line.split_whitespace().last().expect("a token").to_owned()
    }

    /// Asks it to end, as an operator's service manager does, and waits for that.
    pub async fn terminate(mut self) -> Ended {
        signal(self.id(), "TERM").await;
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends soon").expect("it can be waited for");
        for reader in self.readers.drain(..) {
            reader.await.expect("all was read");
        }
        Ended { code: status.code(), out: self.said(), err: self.logged() }
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it on the spot.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }
}

/// Whether 200 is answered there, and soon.
pub async fn is_well(url: &str) -> bool {
    let asked = timeout(Duration::from_secs(5), reqwest::get(url)).await;
    asked.is_ok_and(|asked| asked.is_ok_and(|answer| answer.status() == 200))
}

/// Sends a signal to a process of ours.
pub async fn signal(process: u32, name: &str) {
    // The shell's own `kill`: the program of that name is not on every machine.
    let told = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().await;
    assert!(told.expect("a shell").success());
}

fn keep(mut pipe: impl AsyncRead + Unpin + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    tokio::spawn(async move {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&chunk[..length]));
        }
    })
}

/// Whether nobody but the owner may do anything with a file or folder.
#[cfg(unix)]
pub fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o077 == 0
}
