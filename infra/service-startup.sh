#!/bin/bash
# What the service's VM (infra/terraform/service.tf) runs at every boot: mounts the disk of the state, fetches the
# secrets into memory, and has systemd run the service's container.
#
# Metadata attributes that it reads (Terraform writes them):
#   workflows-image         container image of the service, required
#   workflows-project       project of the secrets, required
#   workflows-secrets       what the names of the secrets begin with, required
#   workflows-environment   settings of the service, a line each
set -uo pipefail

metadata=http://metadata.google.internal/computeMetadata/v1/instance
root="${WORKFLOWS_ROOT:-}"
retry_seconds="${WORKFLOWS_RETRY_SECONDS:-5}"
disk="$root/dev/disk/by-id/google-workflows-data"
data="$root/mnt/disks/workflows"
# /run is in memory: what lies there does not survive the machine, nor does a copy of its disks have it.
private="$root/run/workflows"
unit="$root/etc/systemd/system/workflows.service"
# The user of the service in its image: APP_UID of Microsoft's.
user=1654

say() { echo "workflows: $*" >&2; }

fail() {
  say "$*"
  exit 78
}

# Empty when there is no such attribute. A booting VM's metadata server answers 503 for a moment; curl tries again.
attribute() {
  curl --silent --fail --retry 8 --retry-delay 1 --header 'Metadata-Flavor: Google' "$metadata/$1" || true
}

token() {
  attribute service-accounts/default/token | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p'
}

# The newest version of a secret, into a file of the service's user. Fails if there is none. The token is not among the
# arguments, which every process may read.
fetch() {
  local address file="$private/secrets/$1" answer
  address="https://secretmanager.googleapis.com/v1/projects/$project/secrets/$secrets-$1/versions/latest:access"
  answer="$(curl --silent --fail --retry 8 --retry-delay 1 --config - "$address" \
    <<<"header = \"Authorization: Bearer $(token)\"")" || return 1
  sed -n 's/.*"data" *: *"\([^"]*\)".*/\1/p' <<<"$answer" | tr '_-' '/+' | base64 --decode >"$file" || return 1
  [ -s "$file" ] && chown "$user:$user" "$file" && chmod 0400 "$file"
}

mount_data() {
  mountpoint --quiet "$data" && return 0
  mkdir -p "$data"
  for attempt in 1 2 3 4 5; do
    [ -e "$disk" ] && break
    say "The disk of the state is not there yet (attempt $attempt of 5)."
    sleep "$((retry_seconds * attempt))"
  done
  [ -e "$disk" ] || fail "There is no disk $disk: attach the one that Terraform made, by the name workflows-data."

  # A new disk is all zeros where every file system, and every table of partitions, has its mark. A disk that cannot be
  # read is not empty.
  local begin
  begin="$(head -c 1048576 "$disk" | tr -d '\000' | wc -c)" || fail "The disk $disk cannot be read."
  if [ "$begin" -eq 0 ]; then
    say "The disk is empty: making a file system on it."
    mkfs.ext4 -q -m 0 -E lazy_itable_init=0,lazy_journal_init=0,discard "$disk" \
      || fail "No file system could be made on $disk."
  else
    # 0 and 1: sound, or repaired.
    fsck.ext4 -p "$disk" || [ "$?" -le 1 ] || fail "The disk $disk has no ext4 file system, or a damaged one. It was left."
  fi

  mount -o discard,nosuid,nodev,noexec "$disk" "$data" \
    || fail "The disk $disk has something, but no file system that can be mounted. It was left as it is."
  # A disk that has grown: the file system takes the new space.
  resize2fs "$disk" || say "The file system could not be enlarged."
}

image="$(attribute attributes/workflows-image)"
project="$(attribute attributes/workflows-project)"
secrets="$(attribute attributes/workflows-secrets)"
[ -n "$image" ] || fail "The metadata attribute workflows-image is missing: infra/terraform sets it."
[[ -n "$project" && -n "$secrets" ]] \
  || fail "The metadata attributes workflows-project and workflows-secrets are missing: infra/terraform sets them."

mount_data
mkdir -p "$data/state"
chown "$user:$user" "$data/state" && chmod 0700 "$data/state"

rm -rf "$private"
(umask 077 && mkdir -p "$private/docker" "$private/secrets")
# The container's user reaches its files by its own mount, and nobody else has a way to them.
chown "$user:$user" "$private/secrets"
for name in gateway-certificate gateway-key; do
  fetch "$name" || fail "The secret $secrets-$name has no version that this machine may read: docs/operations.md."
done
fetch hugging-face-token || {
  rm -f "$private/secrets/hugging-face-token"
  say "There is no $secrets-hugging-face-token: gated models cannot be read."
}

export DOCKER_CONFIG="$private/docker"
host="${image%%/*}"
case "$host" in
  *-docker.pkg.dev | gcr.io | *.gcr.io)
    token | docker login --username oauth2accesstoken --password-stdin "https://$host" >/dev/null \
      || say "Could not log in to $host."
    ;;
esac
for attempt in 1 2 3 4 5; do
  docker pull "$image" && break
  say "Pulling $image failed (attempt $attempt of 5)."
  sleep "$((retry_seconds * attempt))"
done
docker image inspect "$image" >/dev/null \
  || fail "There is no $image: push what infra/service.Dockerfile builds, and start this machine again."

# Terraform's settings, and those that belong to this machine. A later line counts.
{
  attribute attributes/workflows-environment
  echo
  cat <<'SETTINGS'
ASPNETCORE_URLS=http://127.0.0.1:8080
Workflows__StateDirectory=/data
Workflows__Access__Authentication=true
Workflows__GatewayCertificate=/run/secrets/gateway-certificate
Workflows__GatewayKey=/run/secrets/gateway-key
HF_HOME=/data/hub
HF_TOKEN_PATH=/run/secrets/hugging-face-token
SETTINGS
} | sed '/^$/d' >"$private/environment"

# The host's network: the API stays on its loopback, and the gateway's port is opened by name.
port="$(sed -n 's/^Workflows__GatewayPort=//p' "$private/environment" | tail -n 1)"
[[ "$port" =~ ^[1-9][0-9]{0,4}$ ]] || fail "The settings have no Workflows__GatewayPort."
iptables -w -C INPUT -p tcp --dport "$port" -j ACCEPT 2>/dev/null \
  || iptables -w -A INPUT -p tcp --dport "$port" -j ACCEPT \
  || fail "The port $port could not be opened in the machine's own firewall."

mkdir -p "$(dirname "$unit")"
cat >"$unit" <<UNIT
[Unit]
Description=Workflows: fine-tuning on Cloud TPU
Wants=network-online.target docker.service
After=network-online.target docker.service

[Service]
Type=exec
ExecStartPre=-/usr/bin/docker rm --force workflows
ExecStart=/usr/bin/docker run --rm --name workflows --pull never --network host --read-only --tmpfs /tmp \\
  --cap-drop ALL --security-opt no-new-privileges --stop-timeout 40 \\
  --log-opt max-size=10m --log-opt max-file=3 --env-file $private/environment \\
  --volume $data/state:/data --volume $private/secrets:/run/secrets:ro $image
ExecStop=-/usr/bin/docker stop --time 40 workflows
Restart=on-failure
RestartSec=5
TimeoutStopSec=60
UNIT
systemctl daemon-reload || fail "systemd does not take $unit."
systemctl restart workflows || fail "systemd could not start the service."
say "The service of $image was started."
