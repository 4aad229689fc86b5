# syntax=docker/dockerfile:1
# Building needs 8 GB of memory: aws-sdk-ec2 alone takes over seven.

FROM rust:1.95-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# The dependencies first: this layer is kept while only the source changes.
COPY Cargo.toml Cargo.lock docker/build.sh docker/flags.sh ./
RUN ./build.sh dependencies

COPY . .
RUN docker/build.sh program /root-of-image

FROM scratch
COPY --from=build /root-of-image/ /
# Ownership is said here, since not every builder keeps it.
COPY --from=build --chown=10001:10001 /root-of-image-state/ /var/lib/trailnoti/
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV TRAILNOTI__STATE__PATH=/var/lib/trailnoti
# The one place that can be written under --read-only; demo and scan keep what they need for a while there.
ENV TMPDIR=/var/lib/trailnoti
USER 10001:10001
VOLUME /var/lib/trailnoti
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/trailnoti", "healthcheck"]
ENTRYPOINT ["/trailnoti"]
CMD ["run"]
