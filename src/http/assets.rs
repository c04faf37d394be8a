//! Files of pages from inside the binary. Each is named by what is in it, so that a browser keeps it for as long as it is
//! the same. It knows nothing of what the pages show.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::etag;

pub const PAGE: &str = "text/html; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
pub const STYLE: &str = "text/css; charset=utf-8";
pub const TEXT: &str = "text/plain; charset=utf-8";
pub const PICTURE: &str = "image/svg+xml";

/// What answers a request for a page or a file of it.
#[derive(Debug)]
pub struct Asset {
    /// Of a file, with and without the digest of its bytes.
    names: [String; 2],
    kind: &'static str,
    bytes: Bytes,
    /// The same whatever it is compressed with.
    etag: String,
}

/// The files of one folder.
#[derive(Debug)]
pub struct Assets {
    folder: &'static str,
    files: Vec<Asset>,
}

impl Asset {
    /// A file or a page.
    pub fn new(name: &str, kind: &'static str, bytes: Vec<u8>) -> Self {
        let digest = hex::encode(&Sha256::digest(&bytes)[..8]);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let names = [format!("{stem}.{digest}.{extension}"), name.to_owned()];
        Asset { names, kind, bytes: bytes.into(), etag: format!("W/\"{digest}\"") }
    }

    /// The page under this policy. A browser asks for it again each time.
    pub fn page(&self, asked: &HeaderMap, policy: &str) -> Response {
        self.serve(asked, policy, false)
    }

    /// `lasts` where another content would have another name.
    fn serve(&self, asked: &HeaderMap, policy: &str, lasts: bool) -> Response {
        let caching = if lasts { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = [
            (CACHE_CONTROL, caching),
            (ETAG, &self.etag),
            (CONTENT_SECURITY_POLICY, policy),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        if etag::is_held(asked, self.etag.trim_start_matches("W/")) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(CONTENT_TYPE, self.kind)], self.bytes.clone()).into_response()
    }
}

impl Assets {
    /// The files of a folder. Those that a style names, such as fonts, stand before it.
    pub fn new(folder: &'static str, files: &[(&str, &'static str, &[u8])]) -> Self {
        let mut made = Vec::<Asset>::new();
        for (name, kind, bytes) in files {
            let bytes = match *kind {
                STYLE => name_lasting(&String::from_utf8_lossy(bytes), &made, "url(", ")").into_bytes(),
                _ => bytes.to_vec(),
            };
            made.push(Asset::new(name, kind, bytes));
        }
        Self { folder, files: made }
    }

    /// A page that names the files of this folder, in quotes and below the folder, as they are now.
    pub fn page(&self, html: &str) -> Asset {
        let html = name_lasting(html, &self.files, &format!("\"{}/", self.folder), "\"");
        Asset::new("index.html", PAGE, html.into_bytes())
    }

    /// The file of this name, with or without its digest.
    pub fn file(&self, name: &str, asked: &HeaderMap, policy: &str) -> Option<Response> {
        let asset = self.files.iter().find(|asset| asset.names.iter().any(|known| known == name))?;
        Some(asset.serve(asked, policy, asset.names[0] == name))
    }
}

/// The text with the lasting names of files, where it names them between these two.
fn name_lasting(text: &str, files: &[Asset], before: &str, after: &str) -> String {
    files.iter().fold(text.to_owned(), |text, asset| {
        let [lasting, plain] = asset.names.each_ref().map(|name| format!("{before}{name}{after}"));
        text.replace(&plain, &lasting)
    })
}
