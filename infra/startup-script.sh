#!/bin/bash
# What a TPU VM of the service runs at every boot, as the metadata key "startup-script".
#
# Metadata attributes that it reads (the service writes them):
#   workflows-image         container image of the worker, required
#   workflows-max-minutes   longest life of the VM, default 1440
# The worker itself reads workflows-run, workflows-node, workflows-gateway, workflows-gateway-sha256 and
# workflows-secret.
#
# The VM powers itself off when the worker ends or the time is over, whatever happens to the service. That stops the
# work, not the bill: a TPU is paid for until its node is deleted, which is the service's task.
set -uo pipefail

metadata=http://metadata.google.internal/computeMetadata/v1/instance
retry_seconds="${WORKFLOWS_RETRY_SECONDS:-5}"

say() { echo "workflows: $*" >&2; }

# Empty when there is no such attribute. A booting VM's metadata server answers 503 for a moment; curl tries again.
attribute() {
  curl --silent --fail --retry 8 --retry-delay 1 --header 'Metadata-Flavor: Google' "$metadata/$1" || true
}

# Images of a private registry: docker logs in as the VM's own service account.
log_in() {
  local host="${1%%/*}" token
  case "$host" in
    *-docker.pkg.dev | gcr.io | *.gcr.io) ;;
    *) return 0 ;;
  esac
  token="$(attribute service-accounts/default/token | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')"
  if [ -z "$token" ]; then
    say "No access token for $host; the image must be public."
    return 0
  fi
  docker login --username oauth2accesstoken --password-stdin "https://$host" <<<"$token" >/dev/null \
    || say "Could not log in to $host."
}

minutes="$(attribute attributes/workflows-max-minutes)"
[[ "$minutes" =~ ^[1-9][0-9]*$ ]] || minutes=1440
shutdown -h "+$minutes" 'The longest life of this VM is over.'

# Of a slice with several VMs only the first one works; the others wait for the node's end.
number="$(attribute attributes/agent-worker-number)"
if [ -n "$number" ] && [ "$number" != 0 ]; then
  say "Worker $number of a slice has nothing to do."
  exit 0
fi

trap 'shutdown -h now' EXIT

image="$(attribute attributes/workflows-image)"
if [ -z "$image" ]; then
  say "The metadata attribute workflows-image is missing: set it to the image that infra/worker.Dockerfile builds."
  exit 78
fi

log_in "$image"
for attempt in 1 2 3 4 5; do
  docker pull "$image" && break
  say "Pulling $image failed (attempt $attempt of 5)."
  sleep "$((retry_seconds * attempt))"
done

# Privileged and root: the TPU's device files belong to root. The host's network: the metadata server is only there.
# A spot VM gets a notice of about 30 seconds, in which docker passes SIGTERM on to the worker.
docker run --rm --name workflows-worker --privileged --user 0:0 --net=host --stop-timeout 25 \
  --volume /var/lib/workflows:/var/lib/workflows --env WORKFLOWS_WORK_FOLDER=/var/lib/workflows/work "$image"
code=$?
say "The worker ended with code $code."
exit "$code"
