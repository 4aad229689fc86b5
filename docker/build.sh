#!/bin/sh
# What the image's build stage does, in two steps, so that it can be done without an engine too (.ci/image does):
#   build.sh dependencies      in a folder that holds Cargo.toml and Cargo.lock alone
#   build.sh program ROOT      in the whole tree; ROOT becomes what the image holds
set -eu

# A static binary, so that the image holds nothing but it and the certificate authorities. The target is named, or the
# flags would reach the build scripts of the dependencies.
target="$(rustc -vV | sed -n 's/^host: //p')"
folder="${CARGO_TARGET_DIR:-$PWD/target}"
built="$folder/$target/release"
. "$(dirname "$0")/flags.sh"

case "${1:-}" in
dependencies)
  mkdir -p src
  echo 'fn main() {}' > src/main.rs
  touch src/lib.rs
  # Other targets that the manifest names (benches) are not here, and are left out of it: no list of them is kept.
  sed -i '/^\[\[/,/^$/d' Cargo.toml
  cargo build --release --locked --target "$target"
  # What was built of the empty sources must not be taken for the program.
  rm -r src "$built"/.fingerprint/trailnoti-*
  ;;
program)
  root="${2:?the folder that becomes the image}"
  cargo build --release --locked --target "$target"
  install -D "$built/trailnoti" "$root/trailnoti"
  install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  install -d -m 0755 "$root/etc/trailnoti"
  # The state's folder stands beside it: who owns it is said where it is copied.
  install -d -m 0700 "$root-state"
  ;;
*)
  echo "build.sh dependencies | build.sh program ROOT" >&2
  exit 64
  ;;
esac
