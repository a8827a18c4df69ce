using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Workflows.DurableTask.Sidecar;

namespace Workflows.Service.Telemetry;

/// <summary>
/// Metrics for Prometheus at <see cref="MetricsPath"/>, and traces, metrics and logs over OTLP where the standard
/// variables of OpenTelemetry name an endpoint (<c>docs/observability.md</c>).
/// </summary>
internal static class TelemetryExport
{
    public const string MetricsPath = "/metrics";

    /// <summary>The source of the official worker and client: orchestrations, activities, events.</summary>
    private const string DurableTaskSource = "Microsoft.DurableTask";

    private static readonly string[] Endpoints =
    [
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    ];

    /// <summary>Adds the telemetry.</summary>
    /// <param name="builder">The application's builder.</param>
    /// <param name="httpPort">The port of the API: requests to the other ports are the emulated cloud's.</param>
    public static void AddTelemetry(this WebApplicationBuilder builder, int httpPort)
    {
        builder.Services.AddSingleton<RunInstruments>();
        builder.Services.AddSingleton<RunTraces>();
        var exports = Endpoints.Any(name => !string.IsNullOrWhiteSpace(builder.Configuration[name]));
        if (exports)
        {
            builder.Services.AddHostedService<LastMetrics>();
        }

        builder.Services.AddHostedService<RunObserver>();
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Configuration["OTEL_SERVICE_NAME"] is { Length: > 0 } name ? name : "workflows",
                serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString()))
            .WithMetrics(metrics => metrics
                .AddMeter(RunInstruments.MeterName, TaskHubSidecarExtensions.MeterName, "Microsoft.AspNetCore.Hosting",
                    "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
                .AddPrometheusExporter());
        if (!exports)
        {
            return;
        }

        telemetry.WithTracing(traces => traces
            .AddSource(RunTraces.SourceName, DurableTaskSource)
            .AddAspNetCoreInstrumentation(requests => requests.Filter = context =>
                context.Connection.LocalPort == httpPort && !IsProbe(context.Request.Path))
            .AddHttpClientInstrumentation());
        builder.Logging.AddOpenTelemetry(logs => logs.IncludeScopes = true);
        telemetry.UseOtlpExporter();
    }

    /// <summary>Serves the metrics.</summary>
    /// <param name="application">The application.</param>
    public static void MapTelemetry(this WebApplication application) =>
        application.MapPrometheusScrapingEndpoint(MetricsPath).WithMetadata(
            new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));

    private static bool IsProbe(PathString path) =>
        path == MetricsPath || path == "/healthz" || path == "/readyz";
}
