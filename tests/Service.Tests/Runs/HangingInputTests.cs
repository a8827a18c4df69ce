using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// Runs whose files hang must not hold what others need: one that trains is watched, cancelled and torn down beside
/// three hundred of them.
/// </summary>
public sealed class HangingInputTests
{
    private const int Hanging = 300;

    // More than there are places for reads, the extra ones of those that hang included.
    private const int HangingAgain = 40;

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
        await service.WaitAsync(training, run => RunningService.StepOf(run) > 0);

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

    /// <summary>The runs that hang hang again after a restart; the others go on as before.</summary>
    [Fact]
    public async Task Runs_WhosePreparationHangsAgainAfterARestart_LeaveTheOthersAlone()
    {
        await using var service = new RunningService
        {
            Change = services => services.Replace(ServiceDescriptor.Singleton<InputWork>(
                provider => new HangingInput(provider.GetRequiredService<RunLedger>()))),
        };
        await service.InitializeAsync();
        var training = await service.StartAsync(Request(service, "trains"));
        await service.WaitAsync(training, run => RunningService.StepOf(run) > 0);
        var hanging = new List<string>();
        for (var index = 0; index < HangingAgain; index++)
        {
            hanging.Add(await service.StartAsync(Request(service, $"hangs-{index}")));
        }

        await service.WaitAsync(hanging[0], run => run.GetProperty("stage").GetString() is "plan" or "prepare");

        await service.RestartAsync(_ => { });

        // Its worker trained on meanwhile and connects again; the new service knows no step until then.
        var step = 0;
        await service.WaitAsync(training, run => (step = RunningService.StepOf(run)) > 0);
        await service.WaitAsync(training, run => RunningService.StepOf(run) > step);
        foreach (var id in new[] { training, hanging[0], hanging[^1] })
        {
            await service.Http.PostAsync(new Uri($"/runs/{id}/cancel", UriKind.Relative), null, Cancellation);
            var report = await service.ReportAsync(id);

            Assert.Equal("cancelled", report.GetProperty("status").GetString());
            Assert.Equal(id == training ? 1 : 0, report.GetProperty("teardown").GetArrayLength());
            Assert.All(
                report.GetProperty("teardown").EnumerateArray(),
                row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
        }
    }

    /// <summary>A request is checked when it comes; a restart reads its files again, and they may be others.</summary>
    [Fact]
    public async Task Run_WhoseFileIsAPipeAfterARestart_EndsWithItsName()
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Pipes are told from files on Linux alone.");
        var hangs = true;
        await using var service = new RunningService
        {
            Change = services =>
            {
                if (hangs)
                {
                    services.Replace(ServiceDescriptor.Singleton<InputWork>(
                        provider => new HangingInput(provider.GetRequiredService<RunLedger>())));
                }
            },
        };
        await service.InitializeAsync();
        var request = Request(service, "hangs-on-a-file");
        var pairs = Path.Combine(service.Folder, "swapped.tsv");
        File.Copy(Path.Combine(service.Folder, "pairs.tsv"), pairs);
        request["data"]!["train"] = pairs;
        var id = await service.StartAsync(request);
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() is "plan" or "prepare");

        await service.RestartAsync(_ =>
        {
            hangs = false;
            File.Delete(pairs);
            using var made = Process.Start("mkfifo", pairs);
            made.WaitForExit();
        });
        var report = await service.ReportAsync(id);

        Assert.Equal("CORPUS_FILE_UNREADABLE", report.GetProperty("failure").GetProperty("code").GetString());
        Assert.Contains(
            "swapped.tsv': it is not a regular file", report.GetProperty("failure").GetProperty("message").GetString(),
            StringComparison.Ordinal);
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
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
