# syntax=docker/dockerfile:1
# Building needs 8 GB of memory: aws-sdk-ec2 alone takes over seven.

FROM rust:1.95-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# A static binary, so that the image holds nothing but it and the certificate authorities.
ENV RUSTFLAGS="-C target-feature=+crt-static"
ENV TARGET=x86_64-unknown-linux-gnu

# The dependencies first: this layer is kept while only the source changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches \
    && echo 'fn main() {}' > src/main.rs \
    && cp src/main.rs benches/idle.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --target "$TARGET" \
    && rm -r src benches "target/$TARGET/release/.fingerprint/trailnoti-"*

COPY . .
RUN cargo build --release --locked --target "$TARGET" \
    && install -D "target/$TARGET/release/trailnoti" /root-of-image/trailnoti \
    && install -D /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ca-certificates.crt \
    && install -d -m 0700 -o 10001 -g 10001 /root-of-image/var/lib/trailnoti \
    && install -d -m 0755 /root-of-image/etc/trailnoti \
    && install -d -m 1777 /root-of-image/tmp

FROM scratch
COPY --from=build /root-of-image/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV TRAILNOTI__STATE__PATH=/var/lib/trailnoti
USER 10001:10001
VOLUME /var/lib/trailnoti
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/trailnoti", "healthcheck"]
ENTRYPOINT ["/trailnoti"]
CMD ["run"]
