//! The file handles of the process: as many as its connections need, as far as the system allows.

/// Handles for all else: the database, files of the moment, the log.
const OTHER_HANDLES: u64 = 512;

/// Raises the limit of open files to what so many connections need. Where that is not allowed the log says so, once.
#[cfg(unix)]
pub fn raise(connections: u32) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = u64::from(connections) + OTHER_HANDLES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if connections == 0 || current.is_none_or(|current| current >= needed) {
        return;
    }
    let most = maximum.map_or(needed, |maximum| needed.min(maximum));
    // Whoever may do more than its own limit allows is let.
    let raised = [Rlimit { current: Some(needed), maximum: maximum.map(|maximum| maximum.max(needed)) }]
        .into_iter()
        .chain([Rlimit { current: Some(most), maximum }])
        .any(|limit| setrlimit(Resource::Nofile, limit).is_ok());
    let open = if raised { getrlimit(Resource::Nofile).current.unwrap_or(needed) } else { current.unwrap_or_default() };
    if open < needed {
        tracing::warn!(
            "limits.connections is {connections}, but this process may open {open} files only: raise its limit of open \
             files (ulimit -n, LimitNOFILE) to {needed} or lower the setting"
        );
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn raise(_connections: u32) {}
