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
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/workflows-worker:latest"
}

output "artifacts" {
  description = "Set Workflows__Artifacts to this: the bucket."
  value       = google_storage_bucket.artifacts.url
}
