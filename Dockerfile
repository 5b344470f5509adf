# syntax=docker/dockerfile:1
# cni-probe itself, for runs inside a cluster (`cni-probe job`). The agents have an image of their own: agent-image/.
#
#   docker build -t cni-probe:0.1.0 .               or podman, or buildah
#   docker build --build-arg BASE_IMAGE=<a mirror>/python:3.13-slim@sha256:... -t cni-probe:0.1.0 .
#
# pip runs in the first stage alone; what it installs is copied, so the embedded cluster's needs (nftables, unshare) are
# not in here: this image is for clusters that exist.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim

FROM ${BASE_IMAGE} AS build
COPY pyproject.toml README.md LICENSE /src/
COPY probe /src/probe
COPY agent-image/cni_probe_agent /src/agent-image/cni_probe_agent
RUN ["python3", "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--prefix", "/installed", "/src"]

FROM ${BASE_IMAGE}
COPY --from=build /installed /usr/local
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
ENTRYPOINT ["cni-probe"]
