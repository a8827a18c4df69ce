using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Telemetry;

/// <summary>The export to a collector, whose place a server of the test takes.</summary>
public sealed class TelemetryExportTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Service_WithACollector_SendsItTracesMetricsAndLogs()
    {
        var received = new ConcurrentDictionary<string, string>();
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Warning, HttpProtocols.Http1);
        await using var collector = builder.Build();
        collector.MapPost("/v1/{kind}", async (string kind, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, Cancellation);
            received.AddOrUpdate(
                kind, _ => Encoding.Latin1.GetString(body.ToArray()),
                (_, earlier) => earlier + Encoding.Latin1.GetString(body.ToArray()));
            return Results.Bytes([], "application/x-protobuf");
        });
        await collector.StartAsync(Cancellation);
        await using (var service = new RunningService
        {
            Arguments =
            [
                $"--OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{ports[0]}",
                "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "--OTEL_SERVICE_NAME=fine-tunes",
            ],
        })
        {
            await service.InitializeAsync();
            await service.Http.GetStringAsync("/runs", Cancellation);
            await service.Http.GetStringAsync("/healthz", Cancellation);
            using var unknown = await service.Http.GetAsync("/runs/nobody", Cancellation);
        }

        // A service that stops sends the rest first.
        Assert.Equal(["logs", "metrics", "traces"], received.Keys.Order(StringComparer.Ordinal));
        Assert.All(received.Values, text => Assert.Contains("fine-tunes", text, StringComparison.Ordinal));
        Assert.Contains("GET /runs/{id}", received["traces"], StringComparison.Ordinal);
        Assert.DoesNotContain("GET /healthz", received["traces"], StringComparison.Ordinal);
        Assert.Contains("workflows.workers.connected", received["metrics"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_WithACollectorThatIsAway_ServesAndStops()
    {
        using var nobody = ReservedPort.Take();
        await using var service = new RunningService
        {
            Arguments = [$"--OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{nobody.Number}"],
        };
        await service.InitializeAsync();

        Assert.NotEmpty(await service.Http.GetStringAsync("/metrics", Cancellation));
    }
}
