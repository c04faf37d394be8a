//! How much memory a process has, as Linux tells it.

use std::fs;

use anyhow::{Context, Result};

/// Bytes of a process that are in memory.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// All of its pages.
    pub resident: f64,
    /// The same, where of a page that several processes share each has its part.
    pub proportional: f64,
}

impl Memory {
    pub fn of(process: u32) -> Result<Self> {
        let file = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(&file).with_context(|| file.clone())?;
        Ok(Self {
            resident: bytes(&text, "Rss:").context("no Rss")?,
            proportional: bytes(&text, "Pss:").context("no Pss")?,
        })
    }
}

/// The value of a line, which Linux tells in KiB.
fn bytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_name_and_told_in_bytes() {
        let text = "55d-7ff ---p 00000000 00:00 0 [rollup]\nRss:      2048 kB\nPss:       512 kB\nPss_Dirty: 4 kB\n";
        assert_eq!((bytes(text, "Rss:"), bytes(text, "Pss:")), (Some(2_097_152.0), Some(524_288.0)));
    }
}
