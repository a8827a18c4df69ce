output "service_account" {
  description = "Run the service as this account."
  value       = google_service_account.service.email
}

output "worker_service_account" {
  description = "Put this into a request's tpu.serviceAccount."
  value       = google_service_account.worker.email
}

output "subscription" {
  description = "Set Workflows__PubSub__Subscription to this."
  value       = google_pubsub_subscription.runs.id
}

output "dead_letter_topic" {
  description = "Set Workflows__PubSub__DeadLetterTopic to this."
  value       = google_pubsub_topic.dead_letter.id
}

output "ended_topic" {
  description = "Set Workflows__Dapr__Topic to this, where Dapr publishes the end of runs."
  value       = google_pubsub_topic.ended.name
}

output "events_topic" {
  description = "Set Workflows__PubSub__EventsTopic to this, where the service is to publish ends and lifecycle of runs."
  value       = google_pubsub_topic.events.id
}

output "worker_image" {
  description = "Push what infra/worker.Dockerfile builds here, and set Workflows__WorkerImage to it."
  value       = local.worker_image
}

output "artifacts" {
  description = "Set Workflows__Artifacts to this: the bucket."
  value       = google_storage_bucket.artifacts.url
}

output "service_image" {
  description = "Push what infra/service.Dockerfile builds here: the service's machine runs it."
  value       = local.service_image
}

output "network" {
  description = "Put this into a request's tpu.network."
  value       = google_compute_network.this.name
}

output "subnetwork" {
  description = "Put this into a request's tpu.subnetwork: in an auto-mode network every region's has the network's name."
  value       = google_compute_network.this.name
}

output "gateway_address" {
  description = "The worker gateway of the service's machine, its Workflows__GatewayAddress; empty without one."
  value       = local.gateway_address
}

output "tunnel" {
  description = "The command that makes the service's API this machine's port 8080; empty without a machine."
  value = try(join(" ", [
    "gcloud compute ssh ${google_compute_instance.service[0].name} --project=${var.project} --zone=${local.zone}",
    "--tunnel-through-iap -- -L 8080:127.0.0.1:8080",
  ]), "")
}

output "secrets" {
  description = "The secrets, to which gcloud adds versions, with spaces between them."
  value       = join(" ", [for secret in google_secret_manager_secret.this : secret.secret_id])
}
