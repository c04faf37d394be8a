//! What systemd is told of a service with `Type=notify`. Whoever started the server otherwise is told nothing.

/// What has become of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It takes connections.
    Ready,
    /// It was told to stop.
    Stopping,
}

/// Tells it, if the one who started this process wants to know.
#[cfg(unix)]
pub fn tell(state: State) {
    let state = match state {
        State::Ready => sd_notify::NotifyState::Ready,
        State::Stopping => sd_notify::NotifyState::Stopping,
    };
    if let Err(cause) = sd_notify::notify(&[state]) {
        tracing::warn!(%cause, "the service manager could not be told how the server is");
    }
}

/// Other systems have no such manager.
#[cfg(not(unix))]
pub fn tell(_state: State) {}
