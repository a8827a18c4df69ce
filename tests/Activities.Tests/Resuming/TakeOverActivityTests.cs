using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Workflows.Activities.Data;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Storage;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Resuming;

/// <summary>The work of another run is taken over whole, once, and also by a part that is resumed.</summary>
public sealed class TakeOverActivityTests : RunFolder
{
    private static readonly RunId Other = new("other");
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);

    // The facts and curves are not among the files of this machine, as with a database.
    private readonly RunLedger _ledger;

    public TakeOverActivityTests() => _ledger = new RunLedger(
        new FolderState(Path.Combine(Folder, "database")), Folder, TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_FromTheReport_CopiesTheModelItsCurveAndTheTranslations()
    {
        var spec = await FinishAsync();

        var state = await TakeOverAsync(spec);

        Assert.Equal((true, true), (state.IsTrained, state.IsTranslated));
        Assert.Equal("weights", await File.ReadAllTextAsync(Tuned(Id, "model.safetensors"), Cancellation));
        Assert.Equal([1, 2], MetricsFile.Read(_ledger, Id).Select(point => point.Step));
        Assert.All(HypothesisFiles.Models, model => Assert.True(File.Exists(
            HypothesisFiles.PathOf(_ledger.DirectoryOf(Id), model, spec.Directions()[0]))));
    }

    [Fact]
    public async Task Run_RepeatedWhenTheOtherRunIsPurged_TellsWhatItTook()
    {
        var spec = await FinishAsync();
        var first = await TakeOverAsync(spec);
        _ledger.Purge(Other);
        Directory.Delete(_ledger.DirectoryOf(Other), recursive: true);

        var again = await TakeOverAsync(spec);

        Assert.Equal(first.Data!.Sha256, again.Data!.Sha256);
        Assert.Equal((true, true), (again.IsTrained, again.IsTranslated));
        Assert.Single(_ledger.Read<FoundFact>(Id, LedgerKinds.Found));
        Assert.Equal(2, MetricsFile.Read(_ledger, Id).Count);
    }

    [Theory]
    [InlineData("weights", null)]
    [InlineData("other weights", "RERUN_WORK_GONE")]
    public async Task Run_WhereAFileIsNotOfItsManifest_IsRefusedAndLeavesNoFact(string listed, string? code)
    {
        var spec = await FinishAsync();
        await File.WriteAllTextAsync(
            Tuned(Other, ArtifactManifest.FileName),
            JsonSerializer.Serialize(
                new
                {
                    format = 1,
                    files = new Dictionary<string, object>
                    {
                        ["config.json"] = FileOf("{}"),
                        ["model.safetensors"] = FileOf(listed),
                    },
                }),
            Cancellation);

        var fault = await Record.ExceptionAsync(() => TakeOverAsync(spec));

        Assert.Equal(code, (fault as RunFaultException)?.Failure.Code);
        Assert.Equal(code is null, File.Exists(Tuned(Id, ArtifactManifest.FileName)));
        Assert.Equal(code is null, _ledger.Read(Id).Any(entry => entry.Kind == LedgerKinds.Taken));
    }

    [Fact]
    public async Task Resume_OfARunThatHasTakenNothingYet_SaysThatItMustAndThenTakes()
    {
        var spec = await FinishAsync();

        var state = await ResumeAsync(spec);

        Assert.Equal((true, null, false), (state.MustTakeOver, state.Data, state.IsTrained));
        Assert.DoesNotContain(_ledger.Read(Id), entry => entry.Kind == LedgerKinds.Found);
        Assert.True((await TakeOverAsync(spec)).IsTranslated);
        Assert.True(Assert.Single(_ledger.Read<FoundFact>(Id, LedgerKinds.Found)).Data.IsTranslated);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Resume_OfARunThatTookTranslations_UsesThemIfTheEvaluationIsTheSame(int beams, bool isTranslated)
    {
        var spec = await FinishAsync();
        await TakeOverAsync(spec);

        var state = await ResumeAsync(spec with
        {
            Evaluation = spec.Evaluation with
            {
                BeamSize = spec.Evaluation.BeamSize + beams,
                BootstrapSamples = 77,
            },
        });

        Assert.Equal((false, true, isTranslated), (state.MustTakeOver, state.IsTrained, state.IsTranslated));
    }

    [Fact]
    public async Task Resume_AfterAJobBeganToReplaceTakenTranslations_TranslatesAgain()
    {
        var spec = await FinishAsync();
        var data = (await TakeOverAsync(spec)).Data!;
        _ledger.Append(Id, LedgerKinds.Job, "translate@1", Job(spec, data));

        Assert.False((await ResumeAsync(spec)).IsTranslated);
    }

    /// <summary>A rerun of the rerun finds in it what it took over.</summary>
    [Fact]
    public async Task Run_OfARunThatTookItsTranslations_TakesThemFromIt()
    {
        var spec = await FinishAsync();
        await TakeOverAsync(spec);

        var state = await TakeOverAsync(spec with
        {
            RunId = new RunId("third"),
            Origin = new RunOrigin { Of = Id, From = RunStageName.Report },
        });

        Assert.Equal((true, true), (state.IsTrained, state.IsTranslated));
    }

    /// <summary>Leaves a finished run, and returns one that begins with its report.</summary>
    private async Task<RunSpec> FinishAsync()
    {
        var spec = Spec();
        var other = spec with { RunId = Other };
        using var inputs = Inputs();
        var data = await new PrepareDataActivity(_ledger, inputs).RunAsync(null!, other);
        var folder = _ledger.DirectoryOf(Other);
        Directory.CreateDirectory(Path.Combine(folder, "tuned"));
        await File.WriteAllTextAsync(Tuned(Other, "config.json"), "{}", Cancellation);
        await File.WriteAllTextAsync(Tuned(Other, "model.safetensors"), "weights", Cancellation);
        foreach (var step in new[] { 1, 2 })
        {
            _ledger.State.AppendLine(
                MetricsFile.NameOf(Other), $$"""{"step": {{step}}, "steps": 2, "loss": 1.5}""", MetricsFile.MostBytes);
        }

        _ledger.Append(Other, LedgerKinds.JobEnded, "train@1", new EndFact(
            new JobEnd(true, null, null), new TrainFact(spec.Training.Steps, 0, 1, 1, 2, 1, 1, 0)));
        _ledger.Append(Other, LedgerKinds.Job, "translate@2", Job(other, data));
        _ledger.Append(Other, LedgerKinds.JobEnded, "translate@2", new EndFact(new JobEnd(true, null, null), null));
        foreach (var model in HypothesisFiles.Models)
        {
            await File.WriteAllTextAsync(
                HypothesisFiles.PathOf(folder, model, spec.Directions()[0]), "a\n", Cancellation);
        }

        return spec with { Origin = new RunOrigin { Of = Other, From = RunStageName.Report } };
    }

    private async Task<ResumeState> TakeOverAsync(RunSpec spec)
    {
        using var inputs = Inputs();
        return await new TakeOverActivity(_ledger, inputs).RunAsync(null!, spec);
    }

    private async Task<ResumeState> ResumeAsync(RunSpec spec)
    {
        using var inputs = Inputs();
        return await new ResumeActivity(_ledger, inputs, TimeProvider.System).RunAsync(
            null!, spec with { Resumption = new RunResumption(2, spec, DateTimeOffset.UnixEpoch, []) });
    }

    private InputWork Inputs() => new(_ledger, InputLimits.Default, TimeProvider.System);

    private string Tuned(RunId id, string name) => Path.Combine(_ledger.DirectoryOf(id), "tuned", name);

    private static DispatchInput Job(RunSpec spec, PreparedData data) => new(
        JobKind.Translate, spec, data,
        new TpuLease(NodeName.Of("p", Place.Zone, "wf-2"), Place, 2), "r:evaluate", null);

    private static object FileOf(string content) => new
    {
        bytes = content.Length,
        sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content))),
    };
}
