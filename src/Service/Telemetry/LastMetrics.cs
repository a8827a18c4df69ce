using OpenTelemetry.Metrics;

namespace Workflows.Service.Telemetry;

/// <summary>
/// Exports the metrics of a service that stops while the parts that they are read from still live: the provider of the
/// metrics is disposed after them, and would export what is left without a single gauge.
/// </summary>
/// <param name="metrics">The provider of the metrics.</param>
internal sealed class LastMetrics(MeterProvider metrics) : IHostedService
{
    /// <summary>Most time for a collector that does not answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Exports once. The exporter logs its own faults.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(
        () => metrics.ForceFlush((int)Patience.TotalMilliseconds), CancellationToken.None);
}
