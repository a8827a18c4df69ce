variable "project" {
  description = "Id of the project that pays for the TPUs. It must exist and have billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "Region of the bucket and the images. TPUs are sought in the zones of each run's request, not here."
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
