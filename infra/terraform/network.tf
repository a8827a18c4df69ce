# The network of the service and its TPU VMs. It has a subnet in every region, because a request may name any zone.
resource "google_compute_network" "this" {
  name                    = var.prefix
  description             = "Workflows: the service and its TPU VMs"
  auto_create_subnetworks = true
  depends_on              = [google_project_service.api]
}

locals {
  # The ranges of all subnets that Google makes in such a network, and the ones from which its identity-aware proxy
  # forwards.
  own_ranges = ["10.128.0.0/9"]
  iap_ranges = ["35.235.240.0/20"]

  # VMs without an external address reach registries and the Hub by NAT.
  nat_regions = setunion(var.nat_regions, local.has_service ? [var.region] : [])
}

# Nothing else may open a connection to a machine of this network: that is what a network without rules refuses.

resource "google_compute_firewall" "ssh" {
  name          = "${var.prefix}-ssh-by-iap"
  description   = "SSH by the identity-aware proxy, which asks who calls"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = local.iap_ranges

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_firewall" "gateway" {
  name                    = "${var.prefix}-gateway"
  description             = "Workers of TPU VMs call the service's gateway"
  network                 = google_compute_network.this.id
  direction               = "INGRESS"
  source_ranges           = local.own_ranges
  target_service_accounts = [google_service_account.service.email]

  allow {
    protocol = "tcp"
    ports    = [tostring(var.gateway_port)]
  }
}

resource "google_compute_router" "nat" {
  for_each = local.nat_regions

  name    = "${var.prefix}-nat"
  region  = each.value
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "nat" {
  for_each = local.nat_regions

  name                               = "${var.prefix}-nat"
  router                             = google_compute_router.nat[each.value].name
  region                             = each.value
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# Giving a node a place in the network is a right on the network, beside the one on nodes.
resource "google_project_iam_member" "service_uses_network" {
  project = var.project
  role    = "roles/compute.networkUser"
  member  = google_service_account.service.member
}
