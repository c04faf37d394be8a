//! A bar on the terminal while something takes its time; nothing where standard error is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts things.
pub fn of_things(what: &'static str) -> ProgressBar {
    bar(what, "{msg} {bar:30} {human_pos}/{human_len} {eta}")
}

/// A bar that counts bytes.
pub fn of_bytes(what: &'static str) -> ProgressBar {
    bar(what, "{msg} {bar:30} {bytes}/{total_bytes} {eta}")
}

fn bar(what: &'static str, form: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}
