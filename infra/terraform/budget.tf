# Tells the billing account's administrators by mail. It stops nothing: the service's own limits do
# (Workflows__MaxUsdPerDay, Workflows__MaxUsdPerMonth).
resource "google_billing_budget" "this" {
  # This API wants the project in whose name a person asks.
  provider = google.asking
  count    = var.billing_account != "" && var.monthly_budget_usd > 0 ? 1 : 0

  billing_account = var.billing_account
  display_name    = "${var.prefix} in ${var.project}"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = "USD"
      units         = tostring(var.monthly_budget_usd)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
      spend_basis       = "CURRENT_SPEND"
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  depends_on = [google_project_service.api]
}
