using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>A deletion that never ends: each command says what is still there, for how long, at what cost.</summary>
[Collection("small programs")]
public sealed class StuckDeletionTests : IDisposable
{
    private const string StillThere = @"still there: \S+ in us-west4-a for [0-9]+ s, [0-9.]+ USD so far";
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);
    private readonly TemporaryFolder _folder = new("workflows-stuck-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Commands_OfARunWhoseDeletionHangs_SayWhatIsStillThereAndThatTheReportIs()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("stuck.json", """{"createSeconds": 0.1, "deleteSeconds": 604800}""");
        _folder.Write("request.json", """
            {"id": "stuck", "model": "model", "prompt": "brief", "data": {"train": "pairs.tsv"},
             "tpu": {"acceleratorTypes": ["v5litepod-8"], "zones": ["us-west4-a"]},
             "training": {"steps": 2, "batchSize": 2, "warmupSteps": 1, "maxLength": 128},
             "evaluation": {"maxNewTokens": 2, "bootstrapSamples": 100},
             "rehearsal": {"scenario": "stuck.json"}}
            """);

        using var run = Cli("run", _folder["request.json"]);
        await run.SaysAsync("still there: ", Deadline);
        await run.SaysAsync("the report is there, as a draft: ", Deadline);
        Assert.Equal(130, await InterruptAsync(run));

        using var watch = Cli("watch", "stuck");
        await watch.SaysAsync("still there: ", Deadline);
        Assert.Equal(130, await InterruptAsync(watch));

        using var cancel = Cli("cancel", "stuck");
        await cancel.SaysAsync("still there: ", Deadline);
        Assert.Equal(130, await InterruptAsync(cancel));

        foreach (var command in new[] { run, watch, cancel })
        {
            Assert.Matches(StillThere, command.Output);
            Assert.Matches(StillThere, command.Error);
        }
    }

    private ProgramRun Cli(params string[] arguments) => ProgramRun.Cli([.. arguments, "--state", _folder["state"]]);

    private static async Task<int> InterruptAsync(ProgramRun command)
    {
        command.Interrupt();
        return await command.EndAsync(Deadline);
    }
}
