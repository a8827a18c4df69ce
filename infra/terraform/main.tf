data "google_project" "this" {
  project_id = var.project
}

locals {
  # "workflows doctor" asks the Resource Manager, Service Usage and Cloud Quotas.
  apis = [
    "tpu.googleapis.com", "pubsub.googleapis.com", "storage.googleapis.com", "iam.googleapis.com",
    "artifactregistry.googleapis.com", "cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com",
    "cloudquotas.googleapis.com", "compute.googleapis.com", "iap.googleapis.com", "logging.googleapis.com",
    "secretmanager.googleapis.com", "billingbudgets.googleapis.com",
  ]

  # The agent with which Pub/Sub forwards what could not be delivered.
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_project_service" "api" {
  for_each = toset(local.apis)

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

# Identities

resource "google_service_account" "service" {
  account_id   = "${var.prefix}-service"
  display_name = "Workflows: the service"
}

resource "google_service_account" "worker" {
  account_id   = "${var.prefix}-worker"
  display_name = "Workflows: TPU VMs"
}

resource "google_project_iam_member" "service" {
  for_each = toset([
    "roles/tpu.admin", "roles/browser", "roles/serviceusage.serviceUsageConsumer", "roles/cloudquotas.viewer",
    "roles/logging.logWriter",
  ])

  project = var.project
  role    = each.value
  member  = google_service_account.service.member
}

# Making a VM that runs as the worker needs this right on the worker's account.
resource "google_service_account_iam_member" "service_acts_as_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.service.member
}

resource "google_project_iam_member" "worker" {
  for_each = toset(["roles/logging.logWriter"])

  project = var.project
  role    = each.value
  member  = google_service_account.worker.member
}

# Images

resource "google_artifact_registry_repository" "images" {
  location      = var.region
  repository_id = var.prefix
  format        = "DOCKER"
  description   = "Workflows: the service's and the worker's images"
  depends_on    = [google_project_service.api]
}

resource "google_artifact_registry_repository_iam_member" "pulls" {
  for_each = {
    service = google_service_account.service.member
    worker  = google_service_account.worker.member
  }

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = each.value
}

# Messages that start runs

resource "google_pubsub_topic" "runs" {
  name       = var.topic
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "dead_letter" {
  name       = "${var.topic}-dead-letter"
  depends_on = [google_project_service.api]
}

resource "google_pubsub_subscription" "runs" {
  name                 = var.topic
  topic                = google_pubsub_topic.runs.id
  ack_deadline_seconds = 60

  # Messages with one ordering key start their runs in order; others do not wait for each other.
  enable_message_ordering = true

  # A subscription without traffic must not vanish.
  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # The service itself sends there what can never start a run. A message that waits for money, or for the end of an
  # outage, is delivered again every ten minutes: for 16 hours with the most attempts that Pub/Sub has.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter.id
    max_delivery_attempts = 100
  }
}

# Keeps the dead letters until somebody has looked at them.
resource "google_pubsub_subscription" "dead_letter" {
  name                       = "${var.topic}-dead-letter"
  topic                      = google_pubsub_topic.dead_letter.id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "service_receives" {
  subscription = google_pubsub_subscription.runs.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.service.member
}

resource "google_pubsub_topic_iam_member" "dead_letter" {
  for_each = {
    service = google_service_account.service.member
    agent   = local.pubsub_agent
  }

  topic  = google_pubsub_topic.dead_letter.name
  role   = "roles/pubsub.publisher"
  member = each.value
}

resource "google_pubsub_subscription_iam_member" "agent_forwards" {
  subscription = google_pubsub_subscription.runs.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# The end of each run, which Dapr publishes: infra/dapr/google

resource "google_pubsub_topic" "ended" {
  name       = var.ended_topic
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic_iam_member" "service_publishes" {
  topic  = google_pubsub_topic.ended.name
  role   = "roles/pubsub.publisher"
  member = google_service_account.service.member
}

# Ends and lifecycle of runs, which the service itself publishes if its setting names the topic

resource "google_pubsub_topic" "events" {
  name       = var.events_topic
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic_iam_member" "service_publishes_events" {
  topic  = google_pubsub_topic.events.name
  role   = "roles/pubsub.publisher"
  member = google_service_account.service.member
}

# Artifacts

resource "google_storage_bucket" "artifacts" {
  name                        = "${var.project}-${var.prefix}-artifacts"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  depends_on                  = [google_project_service.api]

  dynamic "lifecycle_rule" {
    for_each = var.artifact_days > 0 ? [var.artifact_days] : []

    content {
      # Base models, below models/, are shared by all runs and stay.
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["runs/"]
      }

      action {
        type = "Delete"
      }
    }
  }
}

resource "google_storage_bucket_iam_member" "artifacts" {
  for_each = {
    service = google_service_account.service.member
    worker  = google_service_account.worker.member
  }

  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.objectAdmin"
  member = each.value
}

# Where the bucket is decides what reading it costs.
resource "google_storage_bucket_iam_member" "service_sees_bucket" {
  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.service.member
}
