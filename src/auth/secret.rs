//! The secret that a server makes for itself when it is given no key: one line in a file that its owner alone may read.
//! It knows files, and not what the secret is for.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// The shortest secret that is taken, in bytes.
pub(super) const MIN_SECRET_BYTES: usize = 32;
/// The file in the data folder.
const FILE_NAME: &str = "jwt.secret";
/// How often, and after what pause, a file is read that another process is just writing.
const MAX_READS: u32 = 20;
const READ_INTERVAL: Duration = Duration::from_millis(50);

/// The secret of this data folder, made if there is none. Processes that start at the same moment get the same one.
/// It is the text of the file without the line's end: what a person copies from it signs tokens elsewhere.
///
/// # Errors
/// When the folder or the file cannot be made or read, or the file holds less than a secret.
pub(super) async fn open(data_dir: &Path) -> anyhow::Result<Vec<u8>> {
    let path = data_dir.join(FILE_NAME);
    let name = path.display();
    for _ in 0..MAX_READS {
        match fs::read(&path) {
            Ok(bytes) if bytes.trim_ascii().len() >= MIN_SECRET_BYTES => {
                warn_if_open(&path);
                return Ok(bytes.trim_ascii().to_vec());
            }
            Ok(_) => tokio::time::sleep(READ_INTERVAL).await,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_private(data_dir)
                    .with_context(|| format!("The data folder {} cannot be made", data_dir.display()))?;
                match make(&path) {
                    Ok(()) => tracing::info!("Made a secret for tokens in {name}"),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error).with_context(|| format!("The secret {name} cannot be made")),
                }
            }
            Err(error) => return Err(error).with_context(|| format!("The secret {name} cannot be read")),
        }
    }
    bail!("The secret {name} is shorter than {MIN_SECRET_BYTES} bytes, remove the file to have a new one made")
}

/// # Errors
/// When no secret was made in this data folder yet.
pub(super) fn must_exist(data_dir: &Path) -> anyhow::Result<()> {
    ensure!(
        data_dir.join(FILE_NAME).exists(),
        "There is no secret for tokens in the folder {}: a server makes it at its first start there, or set auth.jwt_secret",
        data_dir.display()
    );
    Ok(())
}

/// Makes the data folder where there is none, for its owner only: whatever is kept there is nobody else's.
///
/// # Errors
/// Those of the system.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a new secret, if there is no file yet. Its mode is right from the first moment on.
fn make(path: &Path) -> io::Result<()> {
    let mut random = [0; MIN_SECRET_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let line = format!("{}\n", hex::encode(random));

    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a secret would keep every later start from making a whole one.
        let _ = fs::remove_file(path);
    }
    written
}

/// Others who can read the secret can be anybody in the chat.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        tracing::warn!("Others than its owner may use the secret {}, take that right from them", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("confab-secret-{}", uuid::Uuid::new_v4()))
    }

    #[tokio::test]
    async fn a_secret_is_made_once_and_for_its_owner_only() {
        let folder = folder();
        let secret = open(&folder.join("deep")).await.unwrap();
        assert!(secret.len() == 64 && secret.iter().all(u8::is_ascii_hexdigit));
        assert_eq!(open(&folder.join("deep")).await.unwrap(), secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.join("deep").join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(fs::metadata(folder.join("deep")).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_ne!(open(&folder.join("other")).await.unwrap(), secret);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn processes_that_start_together_end_up_with_one_secret() {
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(FILE_NAME);
        let together = std::sync::Barrier::new(16);
        let start = || {
            together.wait();
            let made = make(&path).is_ok();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            (made, runtime.block_on(open(&folder)).unwrap())
        };
        let starts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(starts.iter().filter(|(made, _)| *made).count(), 1);
        assert!(starts.iter().all(|(_, secret)| *secret == starts[0].1));
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_holds_less_than_a_secret_is_refused_without_showing_it() {
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE_NAME), "little\n").unwrap();
        let refusal = open(&folder).await.unwrap_err().to_string();
        assert!(refusal.contains("is shorter than 32 bytes") && !refusal.contains("little"), "{refusal}");
        fs::remove_dir_all(folder).unwrap();
    }
}
