using System.Text.Json;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>The command as a user types it. One at a time: the sample's run uses every core.</summary>
[Collection("programs")]
public sealed class CommandTests : IDisposable
{
    // A run takes two minutes alone on two cores; other test programs share them, and a deadline is no measurement.
    private static readonly TimeSpan RunDeadline = TimeSpan.FromMinutes(20);

    // Only what hangs takes this long, on the slowest of machines, too.
    private static readonly TimeSpan CommandDeadline = TimeSpan.FromMinutes(4);
    private readonly TemporaryFolder _folder = new("workflows-e2e-");
    private readonly string _state;

    public CommandTests() => _state = _folder["state"];

    public void Dispose()
    {
        WorkerProcesses.End(_folder.Path);
        _folder.Dispose();
    }

    [Fact]
    public async Task Run_TheSample_LosesThreeZonesAndATpuAndIsFinerStill()
    {
        using var command = ProgramRun.CliOnAllProcessors(
            "run", "samples/ko-en.json", "--state", _state, "--json", "--set", "data.maxTestPairs=100");

        var code = await command.EndAsync(RunDeadline);

        Assert.True(code == 0, command.Error);
        using var report = JsonDocument.Parse(command.Output);
        var root = report.RootElement;
        Assert.Equal("succeeded", root.GetProperty("status").GetString());
        var attempts = root.GetProperty("attempts").EnumerateArray().ToList();
        Assert.Equal(
            ["us-central2-b", "us-central1-a", "us-central1-b", "us-west4-a", "us-west1-c"],
            attempts.Select(row => row.GetProperty("zone").GetString()));
        Assert.Contains("Permission denied on 'locations/us-central2-b' (or it may not exist)",
            attempts[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal("Quota 'TPUV5sLitepodServingPerProjectPerZoneForTPUAPI' exhausted. Limit 4 in zone us-central1-a",
            attempts[1].GetProperty("reason").GetString());
        Assert.Contains("the accelerator v5litepod-8 was not found in zone us-central1-b [EID: 0x",
            attempts[2].GetProperty("reason").GetString(), StringComparison.Ordinal);
        var recovery = Assert.Single(root.GetProperty("recoveries").EnumerateArray());
        Assert.Equal("PREEMPTED", recovery.GetProperty("cause").GetString());
        Assert.InRange(recovery.GetProperty("lostSteps").GetInt32(), 0, 25);
        Assert.True(recovery.GetProperty("fromStep").GetInt32() >= 50, "It did not resume from a checkpoint.");
        var verdict = root.GetProperty("verdict");
        Assert.True(verdict.GetProperty("finer").GetBoolean());
        Assert.True(
            verdict.GetProperty("bleuDelta").GetDouble() > 20, $"Only {verdict.GetProperty("bleuDelta")} BLEU.");
        Assert.True(verdict.GetProperty("pValue").GetDouble() < 0.05);
        Assert.All(root.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
        Assert.InRange(root.GetProperty("cost").GetProperty("actual").GetDouble(), 0.001, 1);
        Assert.True(File.Exists(root.GetProperty("artifacts").GetProperty("report").GetString()));
        Assert.True(File.Exists(Path.Combine(
            root.GetProperty("artifacts").GetProperty("checkpoint").GetString()!, "model.safetensors")));
    }

    /// <summary>One of them holds the service; the others join it, and one takes it over when it ends.</summary>
    [Fact]
    public async Task Runs_StartedAtOnceOnOneFolder_AllEnd()
    {
        string[] arguments = ["run", TinyRequest(), "--state", _state];
        using var first = ProgramRun.Cli(arguments);
        using var second = ProgramRun.Cli(arguments);
        using var third = ProgramRun.Cli(arguments);
        foreach (var command in new[] { first, second, third })
        {
            Assert.True(await command.EndAsync(RunDeadline) == 0, command.Output + command.Error);
            Assert.Contains("report     ", command.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("list > /dev/full")]
    [InlineData("list >&-")]
    [InlineData("list > /dev/full 2> /dev/full")]
    public async Task Command_WhoseOutputCannotBeWritten_EndsPlainly(string command)
    {
        Assert.SkipWhen(!File.Exists("/dev/full"), "There is no /dev/full on this system.");
        using var run = ProgramRun.InShell($"{command} --state '{_state}'");

        var code = await run.EndAsync(CommandDeadline);

        Assert.InRange(code, 0, 2);
        Assert.DoesNotContain("Unhandled", run.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Whoever reads the output is gone: the command ends, and the run waits in its folder.</summary>
    [Fact]
    public async Task Run_WhoseOutputCannotBeWritten_EndsPlainlyAndIsWatchedLater()
    {
        Assert.SkipWhen(!File.Exists("/dev/full"), "There is no /dev/full on this system.");
        var request = TinyRequest();

        await EndsPlainlyAsync($"run '{request}' > /dev/full");
        using var list = ProgramRun.Cli("list", "--json", "--state", _state);
        Assert.Equal(0, await list.EndAsync(CommandDeadline));
        using var runs = JsonDocument.Parse(list.Output);
        var run = Assert.Single(runs.RootElement.EnumerateArray());
        var id = run.GetProperty("id").GetString()!;
        Assert.False(run.GetProperty("hasEnded").GetBoolean());
        await EndsPlainlyAsync($"watch {id} >&-");
        await EndsPlainlyAsync($"watch {id} --json > /dev/full 2> /dev/full");
        using var watch = ProgramRun.Cli("watch", id, "--state", _state);

        Assert.True(await watch.EndAsync(RunDeadline) == 0, watch.Error);
        Assert.Contains("report     ", watch.Output, StringComparison.Ordinal);
        Assert.Contains("0 nodes; 1 proved gone", watch.Output, StringComparison.Ordinal);

        async Task EndsPlainlyAsync(string command)
        {
            using var program = ProgramRun.InShell($"{command} --state '{_state}'");

            Assert.Equal(1, await program.EndAsync(RunDeadline));
            Assert.Empty(program.Output);
            Assert.DoesNotContain("   at ", program.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("Unhandled", program.Error, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(
                command.Contains("2>", StringComparison.Ordinal) ? 0 : 1,
                program.Error.Split("The output cannot be written: ").Length - 1);
        }
    }

    [Fact]
    public async Task Run_OnRealSentences_FinishesWithAReport()
    {
        var corpus = Fixtures.Require("..", "data", "ko-en", "tatoeba.tsv");

        // A few steps: the way of real sentences is looked at, and the sample's own run learns enough for a verdict.
        using var command = ProgramRun.CliOnAllProcessors(
            "run", "samples/ko-en.json", "--state", _state, "--data-train", corpus, "--set", "training.steps=8",
            "--set", "training.warmupSteps=2", "--set", "evaluation.maxNewTokens=16", "--set", "data.maxTestPairs=10",
            "--set", "tpu.zones=[\"us-west1-c\"]");

        var code = await command.EndAsync(RunDeadline);

        Assert.True(code == 0, command.Output + command.Error);
        Assert.Contains("report     ", command.Output, StringComparison.Ordinal);
        var last = command.Output.TrimEnd().Split('\n')[^1];
        Assert.Matches("^(Finer|No significant difference|Significantly worse|Worse|Not compared): ", last);
    }

    [Fact]
    public async Task Run_InterruptedByCtrlC_DetachesAndWatchTakesItUp()
    {
        using var command = ProgramRun.Cli("run", TinyRequest(steps: 100_000), "--state", _state);
        await command.SaysAsync("training", RunDeadline);

        command.Interrupt();
        var detached = await command.EndAsync(CommandDeadline);
        var id = command.Output.Split('\n')[0].Split(' ')[1];

        Assert.Equal(130, detached);
        Assert.Contains($"workflows watch {id}", command.Error, StringComparison.Ordinal);
        Assert.Contains($"workflows cancel {id}", command.Error, StringComparison.Ordinal);

        using var cancel = ProgramRun.Cli("cancel", id, "--state", _state);
        Assert.Equal(0, await cancel.EndAsync(CommandDeadline));
        Assert.Contains("0 nodes;", cancel.Output, StringComparison.Ordinal);

        using var watch = ProgramRun.Cli("watch", id, "--state", _state);
        Assert.Equal(3, await watch.EndAsync(CommandDeadline));
        Assert.Contains("is cancelled; everything was given back.", watch.Output, StringComparison.Ordinal);
        Assert.EndsWith($"workflows resume {id} --state {_state}", watch.Output.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "There is no request file 'nowhere.json'", "run", "nowhere.json")]
    [InlineData(2, "is not JSON", "run", "README.md")]
    [InlineData(1, "There is no run 'nobody'", "status", "nobody")]
    [InlineData(1, "There is no run 'nobody'", "cancel", "nobody")]
    public async Task Command_WithRubbish_SaysWhatIsWrong(int code, string message, params string[] arguments)
    {
        using var command = ProgramRun.Cli([.. arguments, "--state", _state]);

        Assert.Equal(code, await command.EndAsync(CommandDeadline));
        Assert.Contains(message, command.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("workflows [command] [options]", "--help")]
    [InlineData("workflows translate [options]", "translate", "--help")]
    [InlineData(".", "--version")]
    public async Task Help_OfTheCommand_IsUnderItsOwnName(string text, params string[] arguments)
    {
        using var command = ProgramRun.Cli(arguments);

        Assert.Equal(0, await command.EndAsync(CommandDeadline));
        Assert.Contains(text, command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Workflows.Cli", command.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--service", "nowhere")]
    [InlineData("--colour", "blue")]
    public async Task Command_WithAWrongOption_ExitsWith2(params string[] options)
    {
        using var command = ProgramRun.Cli(["list", .. options]);

        Assert.Equal(2, await command.EndAsync(CommandDeadline));
        Assert.Contains(options[1], command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AgainstANamedService_GoesOnWithoutTheCommand()
    {
        var request = TinyRequest();
        using var ports = ReservedPort.Take(count: 4);
        var address = $"http://127.0.0.1:{ports.Number}";
        using var service = ProgramRun.Start(
            "Workflows.Service", "--urls", address, $"--Workflows:StateDirectory={_state}");
        await service.SaysAsync($"Runs: {address}/runs", CommandDeadline);

        using var run = ProgramRun.Cli("run", request, "--no-wait", "--service", address);
        Assert.Equal(0, await run.EndAsync(CommandDeadline));
        using var watch = ProgramRun.Cli("watch", run.Output.Trim(), "--json", "--service", address);

        Assert.True(await watch.EndAsync(RunDeadline) == 0, watch.Error);
        using var report = JsonDocument.Parse(watch.Output);
        Assert.Equal(run.Output.Trim(), report.RootElement.GetProperty("runId").GetString());

        using var prices = ProgramRun.Cli("zones", "--prices", "--type", "v6e-1", "--service", address);
        Assert.Equal(0, await prices.EndAsync(CommandDeadline));
        Assert.All(
            prices.Output.Trim().Split('\n'),
            line => Assert.Matches("^[a-z0-9-]+ +v6e-1 +1 chip +[0-9.]+ USD/h spot +[0-9.]+ USD/h on demand$", line));
    }

    [Fact]
    public async Task Run_WrongRequest_NamesEveryFieldAndStartsNothing()
    {
        var request = Path.Combine(Path.GetDirectoryName(_state)!, "request.json");
        File.WriteAllText(request, """{"model": "no-such-folder", "data": {}, "tpu": {"acceleratorTypes": []}}""");

        using var command = ProgramRun.Cli("run", request, "--state", _state);

        Assert.Equal(2, await command.EndAsync(CommandDeadline));
        foreach (var field in new[] { "project:", "model:", "data.train:", "tpu.acceleratorTypes:" })
        {
            Assert.Contains(field, command.Error, StringComparison.Ordinal);
        }
    }

    /// <summary>A request for a run of seconds, with a model that trains in a second.</summary>
    private string TinyRequest(int steps = 5)
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        return _folder.Write("request.json", $$$"""
            {"model": "model", "prompt": "brief", "data": {"train": "pairs.tsv"}, "rehearsal": {},
             "tpu": {"acceleratorTypes": ["v5litepod-8"]}, "evaluation": {"maxNewTokens": 4},
             "training": {"steps": {{{steps}}}, "batchSize": 4}, "allowOverBudget": true}
            """);
    }
}
