variable "project" {
  description = "Id of the project that pays for the TPUs. It must exist and have billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "Region of the bucket, the images and the service's machine. TPUs are sought in the zones of each run's request, not here."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as us-central1, not a zone."
  }
}

variable "prefix" {
  description = "Begins the name of everything made here, so that two installations fit into one project."
  type        = string
  default     = "workflows"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix))
    error_message = "Give 3 to 20 lower-case letters, digits and hyphens that start with a letter."
  }
}

variable "topic" {
  description = "Name of the Pub/Sub topic, and of its subscription, whose messages start runs."
  type        = string
  default     = "workflow-runs"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._~+%-]{2,200}$", var.topic)) && !startswith(var.topic, "goog")
    error_message = "Give at least three letters, digits or ._~+%- that start with a letter and not with goog."
  }
}

variable "ended_topic" {
  description = "Name of the Pub/Sub topic to which Dapr publishes the end of each run: Workflows__Dapr__Topic."
  type        = string
  default     = "workflow-runs-ended"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$", var.ended_topic)) && !startswith(var.ended_topic, "goog")
    error_message = "Give at least three letters, digits or ._~+%- that start with a letter and not with goog."
  }
}

variable "events_topic" {
  description = "Name of the Pub/Sub topic for ends and lifecycle of runs as CloudEvents: Workflows__PubSub__EventsTopic."
  type        = string
  default     = "workflow-runs-events"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$", var.events_topic)) && !startswith(var.events_topic, "goog")
    error_message = "Give at least three letters, digits or ._~+%- that start with a letter and not with goog."
  }
}

variable "artifact_days" {
  description = "Days after which artifacts of runs, below runs/, are deleted; 0 keeps them. Base models stay."
  type        = number
  default     = 90

  validation {
    condition     = var.artifact_days >= 0 && floor(var.artifact_days) == var.artifact_days
    error_message = "Give a whole number of days, 0 or more."
  }
}

variable "nat_regions" {
  description = "Regions whose VMs without an external address reach the internet by NAT: those of requests with tpu.externalIp false. The region of the service's machine always has NAT."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for region in var.nat_regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))])
    error_message = "Give regions such as us-central1, not zones."
  }
}

variable "service_machine_type" {
  description = "Machine type of the service's VM. Empty: no VM; the disk with its state stays."
  type        = string
  default     = "e2-medium"

  validation {
    condition     = can(regex("^([a-z][a-z0-9]*(-[a-z0-9]+)+)?$", var.service_machine_type))
    error_message = "Give a machine type such as e2-medium, or an empty text for no machine."
  }
}

variable "zone" {
  description = "Zone of the service's VM and disk, which is in the region. Empty: the region's zone b."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+-[a-z])?$", var.zone))
    error_message = "Give a zone such as us-central1-b."
  }
}

variable "service_disk_gb" {
  description = "Size in GB of the disk that has the service's state. It may grow and not shrink. 0: no disk, and so no VM."
  type        = number
  default     = 20

  validation {
    condition = var.service_disk_gb == 0 || (
      var.service_disk_gb >= 10 && var.service_disk_gb <= 65536 && floor(var.service_disk_gb) == var.service_disk_gb
    )
    error_message = "Give a whole number of GB from 10 to 65536, or 0 for no disk."
  }
}

variable "gateway_port" {
  description = "Port of the worker gateway on the service's VM."
  type        = number
  default     = 8443

  validation {
    condition = (
      var.gateway_port >= 1024 && var.gateway_port <= 65535 && floor(var.gateway_port) == var.gateway_port
      && (var.gateway_port < 8080 || var.gateway_port > 8083)
    )
    error_message = "Give a port from 1024 to 65535; 8080 to 8083 are the service's own."
  }
}

variable "service_settings" {
  description = "More settings of the service's VM, such as Workflows__MaxUsdPerMonth = \"200\". No secrets: everybody who may see the VM sees them."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for name, value in var.service_settings : can(regex("^Workflows__[A-Za-z0-9_]+$", name)) && !can(regex("\n", value))
    ])
    error_message = "Names begin with Workflows__, as in docs/operations.md, and values have one line."
  }
}

variable "billing_account" {
  description = "Billing account on which a budget with alerts is made, such as 012345-6789AB-CDEF01. Empty: no budget."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?$", var.billing_account))
    error_message = "Give the id that gcloud billing accounts list shows, such as 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget_usd" {
  description = "Whole US dollars a month that the budget expects. 0: no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget_usd >= 0 && floor(var.monthly_budget_usd) == var.monthly_budget_usd
    error_message = "Give a whole number of US dollars, 0 or more."
  }
}
