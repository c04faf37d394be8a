//! OLE2 compound files: which of the older documents of Office one is, by the names that stand directly below the root of
//! its directory. What is embedded in a document stands deeper and does not count.

use std::collections::HashSet;

use super::probe::{Probe, Told, Untold, u16_le, u32_le};

const COMPOUND: &str = "application/x-ole-storage";

/// The names of streams below the root and what a file with one is.
const STREAMS: [(&str, &str); 11] = [
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("PP40", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("VisioDocument", "application/vnd.visio"),
    ("Quill", "application/x-mspublisher"),
    ("Props9", "application/vnd.ms-project"),
    ("Props12", "application/vnd.ms-project"),
    ("Props14", "application/vnd.ms-project"),
];

/// Sectors that the head of a file names itself, as those of its table.
const SECTORS_IN_HEAD: u32 = 109;
/// An entry of the directory, and how many of them are read.
const ENTRY_BYTES: usize = 128;
const MAX_ENTRIES: usize = 4_096;
/// How the tables say that there is nothing more, or nothing.
const LAST_SECTOR: u32 = 0xffff_fffa;

/// All types that a compound file can turn out to have.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    [COMPOUND].into_iter().chain(STREAMS.map(|(_, kind)| kind))
}

/// What the compound file is.
pub(super) async fn judge(probe: &mut Probe<'_>) -> Told<&'static str> {
    let file = Compound::open(probe).await?;
    let names = below_root(&file.directory(probe).await?);
    let known = STREAMS.into_iter().find(|(stream, _)| names.iter().any(|name| name == stream));
    Ok(known.map_or(COMPOUND, |(_, kind)| kind))
}

struct Compound {
    head: [u8; 512],
    sector_bytes: u32,
}

impl Compound {
    async fn open(probe: &mut Probe<'_>) -> Told<Self> {
        let head = probe.exactly(0).await?;
        match u16_le(&head, 30)? {
            shift @ (9 | 12) => Ok(Self { head, sector_bytes: 1 << shift }),
            _ => Err(Untold::Malformed),
        }
    }

    /// The directory, sector after sector, as far as entries are read.
    async fn directory(&self, probe: &mut Probe<'_>) -> Told<Vec<u8>> {
        let mut directory = Vec::new();
        let mut sector = u32_le(&self.head, 48)?;
        while sector < LAST_SECTOR && directory.len() < MAX_ENTRIES * ENTRY_BYTES {
            directory.extend_from_slice(&probe.up_to(self.place(sector), self.sector_bytes.into()).await?);
            sector = self.next(probe, sector).await?;
        }
        Ok(directory)
    }

    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * u64::from(self.sector_bytes)
    }

    fn numbers_of_sector(&self) -> u32 {
        self.sector_bytes / 4
    }

    /// The sector that follows one in its chain.
    async fn next(&self, probe: &mut Probe<'_>, sector: u32) -> Told<u32> {
        let table = self.table_sector(probe, sector / self.numbers_of_sector()).await?;
        self.number(probe, table, sector % self.numbers_of_sector()).await
    }

    /// Where the table of chains has its part of this number: the head says it of the first parts, a chain of sectors of the
    /// others.
    async fn table_sector(&self, probe: &mut Probe<'_>, part: u32) -> Told<u32> {
        let Some(mut left) = part.checked_sub(SECTORS_IN_HEAD) else {
            return u32_le(&self.head, 76 + 4 * part as usize);
        };
        let each = self.numbers_of_sector() - 1;
        let mut sector = u32_le(&self.head, 68)?;
        // What is left falls with each step, and no sector that was read lies beyond the file: a circle ends.
        while left >= each {
            sector = self.number(probe, sector, each).await?;
            left -= each;
        }
        self.number(probe, sector, left).await
    }

    async fn number(&self, probe: &mut Probe<'_>, sector: u32, index: u32) -> Told<u32> {
        if sector >= LAST_SECTOR {
            return Err(Untold::Malformed);
        }
        probe.exactly(self.place(sector) + 4 * u64::from(index)).await.map(u32::from_le_bytes)
    }
}

/// The names directly below the root, which the directory holds as a tree.
fn below_root(directory: &[u8]) -> Vec<String> {
    let entry = |index: u32| directory.chunks_exact(ENTRY_BYTES).nth(index as usize);
    let number = |entry: &[u8], at: usize| u32_le(entry, at).unwrap_or(u32::MAX);
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    let mut open: Vec<u32> = entry(0).map(|root| number(root, 76)).into_iter().collect();
    while let Some(index) = open.pop() {
        if !seen.insert(index) {
            continue;
        }
        if let Some(entry) = entry(index) {
            names.push(name(entry));
            open.extend([number(entry, 68), number(entry, 72)]);
        }
    }
    names
}

/// The name of an entry, whose length is told in bytes and counts the zero at its end.
fn name(entry: &[u8]) -> String {
    let units = entry[..64].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}
