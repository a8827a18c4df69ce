#!/bin/bash
# Turns Terraform's outputs into the service's environment:
#   terraform -chdir=infra/terraform output -json | infra/environment.sh >workflows.env
# What begins with # is for people: accounts, the network, images, secrets, and a topic to publish to.
set -euo pipefail

awk '
  BEGIN {
    setting["artifacts"] = "Workflows__Artifacts"
    setting["worker_image"] = "Workflows__WorkerImage"
    setting["subscription"] = "Workflows__PubSub__Subscription"
    setting["dead_letter_topic"] = "Workflows__PubSub__DeadLetterTopic"
    setting["ended_topic"] = "Workflows__Dapr__Topic"
    note["service_account"] = "run the service as"
    note["events_topic"] = "Workflows__PubSub__EventsTopic, to publish events of runs"
    note["service_image"] = "push the image of infra/service.Dockerfile to"
    note["network"] = "tpu.network of requests"
    note["subnetwork"] = "tpu.subnetwork of requests"
    note["gateway_address"] = "gateway of the machine that Terraform made, Workflows__GatewayAddress"
    note["tunnel"] = "reach its API by"
    note["secrets"] = "add versions to the secrets"
    note["worker_service_account"] = "tpu.serviceAccount of requests"
  }
  /^  "[a-z_]+": \{/ { split($0, part, "\""); name = part[2] }
  /^    "value": "/ {
    value = $0
    sub(/^    "value": "/, "", value)
    sub(/",?$/, "", value)
    if (name in setting) { line[++lines] = setting[name] "=" value; found++ }
    if (name in note) line[++lines] = "# " note[name] ": " value
  }
  END {
    if (found < 5) {
      print "These are not the outputs of infra/terraform: " found + 0 " of 5 settings were found." > "/dev/stderr"
      exit 1
    }
    for (i = 1; i <= lines; i++) print line[i]
  }
'
