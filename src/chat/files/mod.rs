//! Files: what is uploaded and attached, and what a conversation takes. How bytes are kept, and how they travel, is
//! not known here.

mod keep;
pub(crate) mod kind;
pub mod limits;
mod read;
pub mod stored;
pub mod sweep;
mod thumbnail;
mod upload;
pub mod url_signer;

pub use keep::{Kept, keep};
pub use kind::is_shown;
pub use read::{Bytes, follow, get, open};
pub use upload::{Place, Upload, may_upload, place};
pub use url_signer::Part;

pub use crate::chat::views::file::File;
