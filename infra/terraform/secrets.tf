# The secrets alone. Their values are added by gcloud (docs/operations.md), so that Terraform's state never has them.
locals {
  secrets = {
    hugging-face-token  = "Token of the Hugging Face Hub, for gated models; may stay empty"
    gateway-certificate = "PEM certificate of the worker gateway, the only one that workers accept"
    gateway-key         = "PEM key of that certificate"
  }
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  secret_id   = "${var.prefix}-${each.key}"
  annotations = { purpose = each.value }

  replication {
    auto {}
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "service_reads" {
  for_each = google_secret_manager_secret.this

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service.member
}
