//! The folder in which the files of the other chat lie. Whatever a row says, nothing outside of it is read.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, ensure};
use bytes::Bytes;

use crate::chat::files::limits::FileLimits;

const NOT_THERE: &str = "The bytes of the file are not there";

/// The folder, and what stands in front of each path in it.
pub struct Folder {
    root: PathBuf,
    prefix: Option<String>,
    limits: FileLimits,
}

impl Folder {
    /// # Errors
    /// What is no folder.
    pub fn open(path: &Path, prefix: Option<String>, limits: FileLimits) -> anyhow::Result<Self> {
        let name = path.display();
        let root = path.canonicalize().with_context(|| format!("The folder {name} cannot be read"))?;
        ensure!(root.is_dir(), "{name} is no folder");
        Ok(Self { root, prefix, limits })
    }

    /// The bytes of the file that a row calls by this path or address. `size` is what the row says of them.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn read(&self, told: &str, size: Option<u64>) -> Result<Bytes, String> {
        let path = self.path_in(told).ok_or("The path of the file leads out of the folder")?;
        // A link may lead out of it, too.
        let path = tokio::fs::canonicalize(self.root.join(path)).await.map_err(|_| NOT_THERE)?;
        if !path.starts_with(&self.root) {
            return Err("The path of the file leads out of the folder".to_owned());
        }
        let known = tokio::fs::metadata(&path).await.map_err(|_| NOT_THERE)?;
        if !known.is_file() {
            return Err(NOT_THERE.to_owned());
        }
        if size.is_some_and(|size| size != known.len()) {
            return Err("The bytes of the file are not as many as its row says".to_owned());
        }
        self.limits.must_hold(known.len()).map_err(|error| error.to_string())?;
        let bytes = tokio::fs::read(&path).await.map_err(|cause| format!("The file cannot be read: {cause}"))?;
        Ok(bytes.into())
    }

    /// The path below the folder.
    fn path_in(&self, told: &str) -> Option<PathBuf> {
        let rest = self.prefix.as_deref().and_then(|prefix| told.strip_prefix(prefix)).unwrap_or(told);
        let rest = match ["http://", "https://"].iter().find_map(|scheme| rest.strip_prefix(scheme)) {
            Some(address) => {
                let path = address.split_once('/')?.1.split(['?', '#']).next()?;
                percent_encoding::percent_decode_str(path).decode_utf8().ok()?.into_owned()
            }
            None => rest.strip_prefix("file://").unwrap_or(rest).to_owned(),
        };
        let path = Path::new(&rest);
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        let inside: PathBuf =
            path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir)).collect();
        let is_inside = inside.components().all(|part| matches!(part, Component::Normal(_)));
        is_inside.then_some(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn folder(prefix: Option<&str>) -> Folder {
        let limits = FileLimits::of(&Config::default(), None).unwrap();
        Folder { root: "/old/files".into(), prefix: prefix.map(str::to_owned), limits }
    }

    #[test]
    fn a_path_is_below_the_folder_however_it_is_told() {
        for told in
            ["a/b c.png", "/a/b c.png", "./a/b c.png", "/old/files/a/b c.png", "https://x.example/a/b%20c.png?v=1"]
        {
            assert_eq!(folder(None).path_in(told).unwrap(), Path::new("a/b c.png"), "{told}");
        }
        let told = "https://cdn.example/uploads/a/b%20c.png";
        assert_eq!(folder(Some("/uploads/")).path_in("/uploads/a/x.png").unwrap(), Path::new("a/x.png"));
        assert_eq!(folder(None).path_in(told).unwrap(), Path::new("uploads/a/b c.png"));
        for told in ["../x", "a/../../x", "https://x.example/%2e%2e/x", "https://x.example"] {
            assert_eq!(folder(None).path_in(told), None, "{told}");
        }
    }
}
