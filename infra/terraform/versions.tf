terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0, < 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

provider "google" {
  alias                 = "asking"
  project               = var.project
  billing_project       = var.project
  user_project_override = true
}
