# How released programs are built: static, so that they run on any Linux of their processor, and with nothing of the machine that built
# them in them. Sourced; `folder` is the target folder.
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
export CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$folder=/target"
export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$folder=/target"
