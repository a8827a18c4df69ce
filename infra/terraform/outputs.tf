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

output "artifacts" {
  description = "Address of the bucket."
  value       = google_storage_bucket.artifacts.url
}
