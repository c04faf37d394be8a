# What the dependencies may be: cargo-deny, by the rules of deny.toml. To be sourced after shell.sh.
# shellcheck shell=bash

DENY_VERSION=0.20.2
DENY=

# Leaves a cargo-deny of this version in DENY: the one of an earlier run, one of the machine's, or a new one in
# target/tools, which takes a minute or two of CPU: it is compiled for being used once.
deny_install() {
  local tools=$ROOT/target/tools found
  for found in "$tools/bin/cargo-deny" "$(command -v cargo-deny || true)"; do
    if [[ -x $found && $("$found" --version) == "cargo-deny $DENY_VERSION" ]]; then
      DENY=$found
      return
    fi
  done
  say "Installing cargo-deny $DENY_VERSION into target/tools"
  CARGO_PROFILE_DEV_DEBUG=false run cargo install --debug cargo-deny --locked --version "=$DENY_VERSION" --root "$tools"
  DENY=$tools/bin/cargo-deny
}

# Advisories are kept on another host, which not every machine reaches. What is known of them changes without a change
# here, so that their absence is said aloud and is no failure.
deny_check() {
  say "cargo deny check licenses bans sources"
  run "$DENY" --locked check licenses bans sources
  if run timeout 120 "$DENY" fetch db >/dev/null 2>&1; then
    say "cargo deny check advisories"
    run "$DENY" --locked check advisories
  else
    say "Advisories are NOT checked: their database cannot be reached from here"
  fi
}
