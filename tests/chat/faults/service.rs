//! A service of one's own, which may be ended: a PostgreSQL, a Redis. Dropping it removes it.

use tokio::process::Command;

pub struct Service {
    script: String,
    folder: String,
    pub url: String,
}

impl Service {
    /// What `scripts/NAME` starts: `postgres` with the variables CONFAB_TEST_DATABASE and CONFAB_POSTGRES, or `redis`.
    pub async fn start(name: &str) -> Self {
        let script = format!("{}/scripts/{name}", env!("CARGO_MANIFEST_DIR"));
        let started = Command::new(&script).arg("start").output().await.expect("a shell");
        let said = String::from_utf8_lossy(&started.stdout).into_owned();
        let values: Vec<&str> = said.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value).collect();
        let [url, folder] = values[..] else { panic!("{said} {}", String::from_utf8_lossy(&started.stderr)) };
        Self { script, folder: folder.to_owned(), url: url.to_owned() }
    }

    /// `crash` or `restart`.
    pub async fn does(&self, what: &str) {
        let done = Command::new(&self.script).args([what, &self.folder]).output().await.expect("a shell");
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The process that does the work, where the script says so.
    pub fn process(&self) -> u32 {
        let text = std::fs::read_to_string(format!("{}/process", self.folder)).expect("its number");
        text.trim().parse().expect("a number")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        std::process::Command::new(&self.script).args(["stop", &self.folder]).status().ok();
    }
}
