using Workflows.TestKit;
using Workflows.TpuWorker.Compile;

namespace Workflows.TpuWorker.Tests.Compile;

/// <summary>
/// Figures of a compiler in a child process, which works, hangs, aborts, talks nonsense or is for other devices; and
/// figures that are kept on disk.
/// </summary>
public sealed class CompiledStepsTests : IDisposable
{
    private const string Memory = """
        {"Arguments": 100, "Temporaries": 50, "Outputs": 100, "Aliased": 90, "Code": 5, "Total": 165}
        """;

    private readonly TemporaryFolder _folder = new("compiled-");
    private readonly List<string> _told = [];

    public void Dispose() => _folder.Dispose();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static IReadOnlyList<string> Child =>
    [
        Path.Combine(
            AppContext.BaseDirectory, $"Workflows.TestKit.Pjrt.Child{(OperatingSystem.IsWindows() ? ".exe" : "")}"),
    ];

    [Fact]
    public async Task Find_OfACompilerThatWorks_HasItsFiguresAndAsksItOnce()
    {
        var plugin = Plugin("works");
        using var steps = Steps(plugin);

        var first = await steps.FindAsync(Request(), Cancellation);
        var second = await steps.FindAsync(Request(), Cancellation);
        using var restarted = Steps(plugin);
        var third = await restarted.FindAsync(Request(), Cancellation);

        Assert.Null(first.Why);
        Assert.Equal("tpu 9.9", first.Report!.Compiler);
        Assert.Equal(
            ["training_step", "prefill", "decode"], first.Report.Programs.Select(program => program.Name));
        Assert.All(first.Report.Programs, program => Assert.Equal(165, program.Memory!.Total));
        Assert.Equal(
            first.Report.Programs.Select(program => program.Flops),
            second.Report!.Programs.Select(program => program.Flops));
        Assert.Equal(165, third.Report!.Programs[0].Memory!.Total);
        Assert.Equal(["v6e:1x1", "v6e:1x1", "v6e:1x1"], Calls(plugin));
        Assert.Empty(_told);
    }

    [Fact]
    public async Task Find_OfOtherProgramsTopologiesAndPlugins_CompilesEach()
    {
        var plugin = Plugin("works");
        using var steps = Steps(plugin);
        CompileRequest[] requests =
        [
            Request(), Request() with { Topology = "v5e:1x1" }, Request() with { Batch = 3 },
            Request() with { LoraRank = 2 }, Request() with { LoraRank = 2, LoraTargets = ["q_proj"] },
        ];
        foreach (var request in requests)
        {
            Assert.NotNull((await steps.FindAsync(request, Cancellation)).Report);
        }

        Assert.Equal(3 * requests.Length, Calls(plugin).Length);

        File.WriteAllText(plugin, Memory + "\n");
        Assert.NotNull((await steps.FindAsync(Request(), Cancellation)).Report);
        Assert.Equal((3 * requests.Length) + 3, Calls(plugin).Length);
    }

    [Fact]
    public async Task Find_OfAProgramThatDoesNotFit_KeepsTheRefusal()
    {
        var plugin = Plugin("refuses");
        using var steps = Steps(plugin);

        var report = (await steps.FindAsync(Request(), Cancellation)).Report;
        await steps.FindAsync(Request(), Cancellation);

        Assert.All(report!.Programs, program =>
            Assert.Contains("Ran out of memory on HBM", program.Refusal, StringComparison.Ordinal));
        Assert.Equal(3, Calls(plugin).Length);
    }

    [Theory]
    [InlineData("aborts", "signal 6")]
    [InlineData("exits", "exit code 3")]
    [InlineData("cpu", "Topology not supported for CPU compilation")]
    [InlineData("cuda", "compiles for cuda 12, not for TPUs")]
    [InlineData("forgets", "does not count memory")]
    [InlineData("nonsense", "answered nonsense")]
    [InlineData("null", "answered nonsense")]
    public async Task Find_OfAPluginThatCannotBeUsed_SaysWhyOnceAndDoesNotTryTheSameAgain(string name, string why)
    {
        Skipped.Unless(name != "aborts" || !OperatingSystem.IsWindows(), "Windows has no signals.");
        var plugin = Plugin(name);
        using var steps = Steps(plugin);

        var first = await steps.FindAsync(Request(), Cancellation);
        var again = await steps.FindAsync(Request(), Cancellation);

        Assert.Null(first.Report);
        Assert.Contains(why, first.Why, StringComparison.Ordinal);
        Assert.Equal(first.Why, again.Why);
        Assert.Single(Calls(plugin));
        Assert.Null((await steps.FindAsync(Request() with { Batch = 3 }, Cancellation)).Report);
        Assert.Contains(why, Assert.Single(_told), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["kept"]));
    }

    [Fact]
    public async Task Find_OfAPluginThatHangs_GivesUpAtTheDeadlineAndNeverAsksItAgain()
    {
        var plugin = Plugin("hangs");
        using var steps = Steps(plugin, deadline: TimeSpan.FromSeconds(3));

        var first = await steps.FindAsync(Request(), Cancellation);
        var other = await steps.FindAsync(Request() with { Batch = 3 }, Cancellation);

        Assert.Contains("gave no answer within 00:00:03 and was killed", first.Why, StringComparison.Ordinal);
        Assert.Equal(first.Why, other.Why);
        Assert.Single(_told);
    }

    [Theory]
    [InlineData("wrote no message", "sh", "-c", "yes & exec cat >/dev/null")]
    [InlineData("exit code 1", "false")]
    [InlineData("cannot be started", "/nowhere/compiler")]
    public async Task Find_OfAChildThatIsNone_SaysWhy(string why, params string[] child)
    {
        Skipped.Unless(!OperatingSystem.IsWindows(), "Windows has neither 'yes' nor 'false'.");
        using var steps = Steps(Plugin("works"), child: child);

        var found = await steps.FindAsync(Request(), Cancellation);

        Assert.Null(found.Report);
        Assert.Contains(why, found.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_WithoutAPlugin_SaysHowToGetOneAndTellsNobody()
    {
        using var steps = Steps(null);

        var found = await steps.FindAsync(Request(), Cancellation);

        Assert.Contains("get-pjrt-plugin.sh", found.Why, StringComparison.Ordinal);
        Assert.Empty(_told);
    }

    [Fact]
    public async Task Find_OfAPluginThatIsMissing_NamesItsPath()
    {
        using var steps = Steps(_folder["absent.so"]);

        Assert.Contains("absent.so", (await steps.FindAsync(Request(), Cancellation)).Why, StringComparison.Ordinal);
        Assert.Single(_told);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1, 2")]
    [InlineData("""{"Key": "another", "Report": null}""")]
    public async Task Find_OfKeptFiguresThatAreDamaged_CompilesAgainAndReplacesThem(string text)
    {
        var plugin = Plugin("works");
        using var steps = Steps(plugin);
        await steps.FindAsync(Request(), Cancellation);
        var kept = Assert.Single(Directory.GetFiles(_folder["kept"]));
        File.WriteAllText(kept, text);

        Assert.NotNull((await steps.FindAsync(Request(), Cancellation)).Report);
        Assert.NotNull((await steps.FindAsync(Request(), Cancellation)).Report);

        Assert.Equal(6, Calls(plugin).Length);
    }

    [Theory]
    [InlineData("\"Total\":165", "\"Total\":-1")]
    [InlineData("\"Key\":\"", "\"Key\":\"0")]
    [InlineData("\"Memory\":{", "\"Memorie\":{")]
    public async Task Find_OfKeptFiguresThatCannotBe_CompilesAgain(string from, string to)
    {
        var plugin = Plugin("works");
        using var steps = Steps(plugin);
        await steps.FindAsync(Request(), Cancellation);
        var kept = Assert.Single(Directory.GetFiles(_folder["kept"]));
        var text = File.ReadAllText(kept);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(kept, text.Replace(from, to, StringComparison.Ordinal));

        Assert.Equal(165, (await steps.FindAsync(Request(), Cancellation)).Report!.Programs[0].Memory!.Total);

        Assert.Equal(6, Calls(plugin).Length);
    }

    [Fact]
    public async Task Find_WithAFolderThatCannotBeWritten_HasTheFiguresAllTheSame()
    {
        File.WriteAllText(_folder["kept"], "a file, not a folder");
        using var steps = Steps(Plugin("works"));

        Assert.NotNull((await steps.FindAsync(Request(), Cancellation)).Report);
        Assert.Contains("cannot be kept", Assert.Single(_told), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_OfSizesThatCannotBeBuilt_SaysWhy()
    {
        using var steps = Steps(Plugin("works"));

        var found = await steps.FindAsync(
            Request() with { LoraRank = 2, LoraTargets = ["no_proj"] }, Cancellation);

        Assert.Contains("'no_proj' is no linear layer", found.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_ThatIsCancelled_EndsTheCompiler()
    {
        using var stop = new CancellationTokenSource();
        var plugin = Plugin("hangs");
        using var steps = Steps(plugin);
        var found = steps.FindAsync(Request(), stop.Token);
        while (!File.Exists($"{plugin}.calls"))
        {
            await Task.Delay(20, Cancellation);
        }

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => found);
    }

    /// <summary>The work of a longer row, of more rows and of another token is more; an adapter has less to
    /// write.</summary>
    [Fact]
    public void Count_OfPrograms_GrowsWithTheirShapes()
    {
        var counts = StepCompiler.Count(Request());
        var longer = StepCompiler.Count(Request() with { Length = 64, Answers = 32 });
        var twice = StepCompiler.Count(Request() with { MicroBatches = 2 });
        var lora = StepCompiler.Count(Request() with { LoraRank = 2 });
        Assert.Equal((counts.Parameters, counts.Parameters), (counts.TrainedParameters, lora.Parameters));
        Assert.InRange(lora.TrainedParameters, 1, counts.Parameters / 2);

        Assert.Equal(counts.Parameters, lora.Parameters);
        Assert.True(longer.Step.Flops > counts.Step.Flops);
        Assert.InRange(twice.Step.Flops, 1.9 * counts.Step.Flops, 2.1 * counts.Step.Flops);
        Assert.True(lora.Step.Bytes < counts.Step.Bytes);
        Assert.True(counts.Prefill.Flops > counts.Token.Flops);

        // A token of decoding reads every weight, of two bytes in the mixed precision.
        Assert.True(counts.Token.Bytes >= 2 * counts.Parameters);
        Assert.Throws<CompileException>(() => StepCompiler.Count(Request() with { Batch = 0 }));
    }

    [Theory]
    [InlineData("v5litepod-8", "v5e:2x4", 8)]
    [InlineData("v6e-4", "v6e:2x2", 4)]
    [InlineData("v5p-8", "v5p:2x2x1", 4)]
    public void TopologyOf_ATypeOfOneHost_HasItsChips(string type, string topology, int chips)
    {
        Assert.Equal(topology, TpuSlice.TopologyOf(type));
        Assert.Equal(chips, TpuSlice.Parse(topology).Chips);
    }

    [Theory]
    [InlineData("v4-8")]
    [InlineData("v5litepod-16")]
    [InlineData("")]
    [InlineData("../v6e-1")]
    public void TopologyOf_AnotherType_IsNone(string type) => Assert.Null(TpuSlice.TopologyOf(type));

    private static CompileRequest Request() => new()
    {
        Model = Gemma3ConfigFile.Read(Checkout.PathOf("samples", "tiny-gemma3", "config.json")),
        Topology = "v6e:1x1",
        Batch = 2,
        Length = 32,
        DecodeBatch = 2,
        NewTokens = 8,
    };

    private CompiledSteps Steps(
        string? plugin, IReadOnlyList<string>? child = null, TimeSpan? deadline = null) =>
        new(new CompiledStepsOptions
        {
            Child = child ?? Child,
            Folder = _folder["kept"],
            Plugin = plugin,
            Deadline = deadline ?? TimeSpan.FromMinutes(2),
            Environment = name => name == "HOME" ? _folder.Path : null,
            OnFault = _told.Add,
        });

    private string Plugin(string name) => _folder.Write($"{name}.so", Memory);

    private static string[] Calls(string plugin) => File.ReadAllLines($"{plugin}.calls");
}
