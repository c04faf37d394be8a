//! Where the bytes of files lie: in a folder, or with an S3-compatible service, under keys that are random. It knows
//! no rule: how much may be written, and who may read, is said by its callers.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
};

use crate::config::Config;
use crate::error::{Error, Result};

/// Bytes that are written at a time, and so held in memory for one upload. A folder takes any number; S3 takes no part
/// below 5 MiB but the last, and 10,000 parts, which is more than the largest file.
const FOLDER_PART_BYTES: usize = 256 * 1024;
const S3_PART_BYTES: usize = 5 * 1024 * 1024;
/// How long a service may send nothing of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a request that failed is made again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the place says which one it is.
const IDENTITY_KEY: &str = "confab-storage-id";

/// The bytes of a file as they come.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// An open folder or bucket.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// The same place where it is a folder: what a killed process left half-written can be found there.
    folder: Option<Arc<LocalFileSystem>>,
    part_bytes: usize,
}

/// A new key, which nobody can guess and which tells nothing of the file.
pub fn new_key() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    // Folders with a million entries are slow to look at.
    format!("{}/{id}", &id[..2])
}

impl Blobs {
    /// Opens `storage.url`: `file:FOLDER`, which is made if it is missing, or `s3://bucket/prefix` with
    /// `storage.endpoint`, `storage.region` and the credentials of the AWS variables of the environment. A service
    /// that cannot be reached is told in the log and is no error: the chat goes on without files.
    ///
    /// # Errors
    /// A folder that cannot be made, an address that is none.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let url = config.storage_url();
        let blobs = match url.strip_prefix("s3://") {
            Some(bucket) => Self::s3(config, bucket).with_context(|| format!("storage.url: {url} cannot be used"))?,
            None => Self::folder(url.trim_start_matches("file:"))
                .with_context(|| format!("storage.url: the folder {url} cannot be used"))?,
        };
        if let Some(Err(cause)) = blobs.store.list(None).next().await {
            let has_key = blobs.folder.is_some() || std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
            let hint = if has_key { "" } else { " (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set)" };
            tracing::error!(%cause, "files cannot be stored now: storage.url is {url}{hint}");
        }
        Ok(blobs)
    }

    fn folder(path: &str) -> anyhow::Result<Self> {
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = percent_encoding::percent_decode_str(path).decode_utf8()?;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path.as_ref())?;
        let folder = Arc::new(LocalFileSystem::new_with_prefix(path.as_ref())?.with_fsync(true));
        Ok(Self { store: Arc::<LocalFileSystem>::clone(&folder), folder: Some(folder), part_bytes: FOLDER_PART_BYTES })
    }

    /// A place in memory, which is gone with the last who knows it.
    pub(crate) fn in_memory() -> Self {
        Self { store: Arc::new(object_store::memory::InMemory::new()), folder: None, part_bytes: FOLDER_PART_BYTES }
    }

    fn s3(config: &Config, bucket_and_prefix: &str) -> anyhow::Result<Self> {
        let (bucket, prefix) = bucket_and_prefix.split_once('/').unwrap_or((bucket_and_prefix, ""));
        let endpoint = config.storage.endpoint.as_deref();
        let options = ClientOptions::new()
            .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
            .with_timeout_disabled()
            .with_read_timeout(READ_TIMEOUT);
        let retry = RetryConfig { max_retries: 3, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let mut builder =
            AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(options).with_retry(retry);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(region) = &config.storage.region {
            builder = builder.with_region(region);
        }
        let store = PrefixStore::new(builder.build()?, Path::parse(prefix.trim_matches('/'))?);
        Ok(Self { store: Arc::new(store), folder: None, part_bytes: S3_PART_BYTES })
    }

    /// Begins to write under a key. Nobody can read anything there before [`BlobWriter::finish`] has answered, and what was
    /// begun is removed when it is dropped.
    pub fn write(&self, key: &str) -> BlobWriter {
        BlobWriter { blobs: self.clone(), key: Path::from(key), waiting: BytesMut::new(), begun: None }
    }

    /// Writes what is small enough to be held.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&Path::from(key), bytes.into()).await.map(drop).map_err(storage_error)
    }

    /// What tells this place from others: a text that lies in it, made by whoever comes first. None while it cannot be read.
    pub async fn identity(&self) -> Option<String> {
        let key = Path::from(IDENTITY_KEY);
        let made = uuid::Uuid::new_v4().simple().to_string();
        // Where somebody else was first, this is refused.
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let _there_already = self.store.put_opts(&key, made.into_bytes().into(), options).await;
        let found = self.store.get(&key).await.ok()?.bytes().await.ok()?;
        String::from_utf8(found.to_vec()).ok().filter(|text| !text.is_empty() && text.len() <= 64)
    }

    /// The bytes of a range, as they come.
    ///
    /// # Errors
    /// `NotFound` where nothing lies under the key, `Unavailable`.
    pub async fn read(&self, key: &str, range: Range<u64>) -> Result<ByteStream> {
        let options = GetOptions::new().with_range(Some(range));
        let found = self.store.get_opts(&Path::from(key), options).await.map_err(storage_error)?;
        Ok(found.into_stream().map_err(storage_error).boxed())
    }

    /// All bytes at once, of what is small enough to be held.
    ///
    /// # Errors
    /// As [`Blobs::read`].
    pub async fn whole(&self, key: &str) -> Result<Bytes> {
        let found = self.store.get(&Path::from(key)).await.map_err(storage_error)?;
        found.bytes().await.map_err(storage_error)
    }

    /// How many bytes lie under a key; none where nothing does.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.store.head(&Path::from(key)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(storage_error(cause)),
        }
    }

    /// Removes what lies under a key, with what was left of it half-written in a folder. To remove what is not there
    /// is no error. Parts that a killed process left with an S3 service end by the bucket's own lifecycle.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete(&self, key: &str) -> Result<()> {
        if let Some(folder) = &self.folder {
            let path = folder.path_to_filesystem(&Path::from(key)).map_err(storage_error)?;
            let mut half = path.into_os_string();
            half.push("#1");
            let _missing = tokio::fs::remove_file(half).await;
        }
        match self.store.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(storage_error(cause)),
        }
    }
}

/// Writes the bytes of one file, part after part.
pub struct BlobWriter {
    blobs: Blobs,
    key: Path,
    /// What is no whole part yet.
    waiting: BytesMut,
    /// None before the first part.
    begun: Option<Box<dyn MultipartUpload>>,
}

impl BlobWriter {
    /// Takes the next bytes, and writes each part that is whole.
    ///
    /// # Errors
    /// `Unavailable` where the bytes cannot be kept: a full disk, a service that is away.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() >= self.blobs.part_bytes {
            let part = self.waiting.split_to(self.blobs.part_bytes).freeze();
            self.write_part(part).await?;
        }
        Ok(())
    }

    async fn write_part(&mut self, part: Bytes) -> Result<()> {
        let begun = match &mut self.begun {
            Some(begun) => begun,
            None => {
                let begun = self.blobs.store.put_multipart(&self.key).await.map_err(storage_error)?;
                self.begun.insert(begun)
            }
        };
        begun.put_part(part.into()).await.map_err(storage_error)
    }

    /// Makes all of it readable at once, and durable.
    ///
    /// # Errors
    /// `Unavailable`; then nothing can be read.
    pub async fn finish(mut self) -> Result<()> {
        let rest = self.waiting.split().freeze();
        if self.begun.is_none() {
            return self.blobs.store.put(&self.key, rest.into()).await.map(drop).map_err(storage_error);
        }
        if !rest.is_empty() {
            self.write_part(rest).await?;
        }
        if let Some(begun) = &mut self.begun {
            begun.complete().await.map_err(storage_error)?;
        }
        self.begun = None;
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if let (Some(mut begun), Ok(runtime)) = (self.begun.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(cause) = begun.abort().await {
                    tracing::debug!(%cause, "an upload that was given up leaves something behind");
                }
            });
        }
    }
}

/// The cause goes to the log; callers are told no more than that it cannot be done now.
fn storage_error(cause: object_store::Error) -> Error {
    match cause {
        object_store::Error::NotFound { .. } => Error::not_found("File not found"),
        cause => {
            tracing::error!(%cause, "the storage of files failed");
            Error::unavailable()
        }
    }
}
