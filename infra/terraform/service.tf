# The machine of the service. It has no address in the internet: people reach it by SSH through the identity-aware
# proxy, workers by its address in the network.
locals {
  has_service = var.service_machine_type != ""
  zone        = var.zone != "" ? var.zone : "${var.region}-b"
  subnetwork  = "projects/${var.project}/regions/${var.region}/subnetworks/${google_compute_network.this.name}"

  gateway_address = try("https://${google_compute_address.service[0].address}:${var.gateway_port}", "")

  registry = join("/", [
    "${google_artifact_registry_repository.images.location}-docker.pkg.dev", var.project,
    google_artifact_registry_repository.images.repository_id,
  ])
  service_image = "${local.registry}/workflows-service:latest"
  worker_image  = "${local.registry}/workflows-worker:latest"

  # What infra/environment.sh makes of the outputs, with the gateway's door and what the operator adds.
  service_settings = merge({
    Workflows__Artifacts               = google_storage_bucket.artifacts.url
    Workflows__WorkerImage             = local.worker_image
    Workflows__PubSub__Subscription    = google_pubsub_subscription.runs.id
    Workflows__PubSub__DeadLetterTopic = google_pubsub_topic.dead_letter.id
    Workflows__Dapr__Topic             = google_pubsub_topic.ended.name
    Workflows__GatewayPort             = tostring(var.gateway_port)
    Workflows__GatewayAddress          = local.gateway_address
  }, var.service_settings)
}

resource "google_compute_address" "service" {
  count = local.has_service ? 1 : 0

  name         = "${var.prefix}-service"
  address_type = "INTERNAL"
  region       = var.region
  subnetwork   = local.subnetwork
}

# The state of all runs. It belongs to no machine, so a new machine goes on with it.
resource "google_compute_disk" "data" {
  count = var.service_disk_gb > 0 ? 1 : 0

  name = "${var.prefix}-data"
  type = "pd-balanced"
  zone = local.zone
  size = var.service_disk_gb

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_compute_instance" "service" {
  count = local.has_service ? 1 : 0

  name                      = "${var.prefix}-service"
  machine_type              = var.service_machine_type
  zone                      = local.zone
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "cos-cloud/cos-stable"
      size  = 20
    }
  }

  attached_disk {
    source      = google_compute_disk.data[0].id
    device_name = "workflows-data"
  }

  network_interface {
    subnetwork = local.subnetwork
    network_ip = google_compute_address.service[0].address
  }

  service_account {
    email  = google_service_account.service.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  metadata = {
    startup-script         = file("${path.module}/../service-startup.sh")
    google-logging-enabled = "true"
    cos-update-strategy    = "update_enabled"
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    workflows-image        = local.service_image
    workflows-project      = var.project
    workflows-secrets      = var.prefix
    workflows-environment  = join("", [for name, value in local.service_settings : "${name}=${value}\n"])
  }

  lifecycle {
    # A newer image of the system is no reason to make the machine anew: it updates itself at each boot.
    ignore_changes = [boot_disk[0].initialize_params[0].image]

    precondition {
      condition     = var.service_disk_gb > 0
      error_message = "The service's machine keeps its state on a disk: give service_disk_gb, or leave the machine out."
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.service_reads, google_compute_router_nat.nat]
}
