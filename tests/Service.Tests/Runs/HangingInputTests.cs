using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// Runs whose files hang must not hold what others need: one that trains is watched, cancelled and torn down beside
/// three hundred of them.
/// </summary>
public sealed class HangingInputTests
{
    private const int Hanging = 300;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Runs_WhosePreparationHangs_LeaveTheOthersAlone()
    {
        await using var service = new RunningService
        {
            Change = services => services.Replace(ServiceDescriptor.Singleton<InputWork>(
                provider => new HangingInput(provider.GetRequiredService<RunLedger>()))),
        };
        await service.InitializeAsync();
        var training = await service.StartAsync(Request(service, "trains"));
        await service.WaitAsync(
            training, run => run.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
                && progress.GetProperty("step").GetInt32() > 0);

        var hanging = new List<string>();
        for (var index = 0; index < Hanging; index++)
        {
            hanging.Add(await service.StartAsync(Request(service, $"hangs-{index}")));
        }

        await service.WaitAsync(
            hanging[0], run => run.GetProperty("stage").GetString() is "plan" or "prepare");
        var began = await service.Http.PostAsync(
            new Uri($"/runs/{training}/cancel", UriKind.Relative), null, Cancellation);
        var report = await service.ReportAsync(training);

        Assert.Equal(HttpStatusCode.Accepted, began.StatusCode);
        Assert.Equal("cancelled", report.GetProperty("status").GetString());
        Assert.True(Assert.Single(report.GetProperty("teardown").EnumerateArray())
            .GetProperty("confirmedNotFound").GetBoolean());

        // A run that hangs is cancelled, too: one that has a place, and the last in the queue for one.
        foreach (var id in new[] { hanging[0], hanging[^1] })
        {
            await service.Http.PostAsync(new Uri($"/runs/{id}/cancel", UriKind.Relative), null, Cancellation);
            Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
        }
    }

    private static JsonObject Request(RunningService service, string id)
    {
        var request = service.Request(steps: 1_000_000);
        request["id"] = id;
        request["budgetUsd"] = 1_000_000;
        return request;
    }

    /// <summary>Never reads anything of the runs whose id begins with "hangs".</summary>
    private sealed class HangingInput(RunLedger ledger)
        : InputWork(ledger, InputLimits.Default, TimeProvider.System)
    {
        protected override Task<T> StartAsync<T>(
            RunId runId, Func<CancellationToken, T> read, CancellationToken cancellation) =>
            runId.Value.StartsWith("hangs", StringComparison.Ordinal)
                ? new TaskCompletionSource<T>().Task
                : base.StartAsync(runId, read, cancellation);
    }
}
